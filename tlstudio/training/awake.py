"""Owns that the computer does not fall asleep by itself while it trains."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from wakepy import ActivationResult, keep

logger = logging.getLogger(__name__)

_PATIENCE_S = 1.0


@contextlib.contextmanager
def kept_awake() -> Iterator[None]:
    """Asks the system to stay awake for as long as the block lasts. Where it does not, a line in
    the log says so and nothing else happens.

    A desktop may be slow to answer, or not there: it is asked in a thread that nobody waits for.
    """
    over = threading.Event()
    asking = threading.Thread(target=_stay_awake, args=(over,), name="awake", daemon=True)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join(_PATIENCE_S)


def _stay_awake(over: threading.Event) -> None:
    try:
        with keep.running(on_fail=_tell) as mode:
            if mode.active:
                logger.info("The computer stays awake (%s)", mode.result.method)
            over.wait()
    except Exception:  # what a desktop may answer has no end, and training goes on without it
        logger.warning("The computer may fall asleep while it trains", exc_info=True)


def _tell(result: ActivationResult) -> None:
    why = " ".join(result.get_failure_text().split())
    logger.warning("The computer may fall asleep while it trains: %s", why)
