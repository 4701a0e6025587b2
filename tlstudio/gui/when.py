"""Owns how a moment is said: nearness first, because that is how people look for what they did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QCoreApplication


def day_words(moment: datetime, now: datetime | None = None) -> str:
    """ "today, 14:05", "yesterday, 9:30", else the date."""
    local = moment.astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    if local.date() == today:
        return QCoreApplication.translate("when", "today, {0}").format(f"{local:%H:%M}")
    if local.date() == today - timedelta(days=1):
        return QCoreApplication.translate("when", "yesterday, {0}").format(f"{local:%H:%M}")
    return f"{local:%Y-%m-%d}"


def clock_words(moment: str, now: datetime | None = None) -> str:
    """ "14:05" for today, else as `day_words`; of a moment in ISO 8601, which may be anything."""
    try:
        local = datetime.fromisoformat(moment).astimezone()
    except (ValueError, OverflowError):
        return moment
    today = (now or datetime.now(UTC)).astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else day_words(local, now)
