"""Owns what the log says of a job's events: what was decided, what ended, never each step."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tlstudio.tasks import Epoch, Event, Logged, ProbeFitted, Resumed, Waiting, Warned

logger = logging.getLogger(__name__)


def log_event(event: Event) -> None:
    """Writes the events that tell how a job went; what comes many times a second is left out."""
    if isinstance(event, Warned | Waiting):
        logger.warning("%s %s", event.message, event.hint)
    elif isinstance(event, Logged):
        logger.info("%s", event.message)
    elif isinstance(event, ProbeFitted):
        logger.info("Probe: validation accuracy %.4f", event.val_accuracy)
    elif isinstance(event, Resumed):
        logger.info("Carried on after step %d, epoch %d", event.resumed_at_step, event.epoch)
    elif isinstance(event, Epoch):
        logger.info(
            "Epoch %d of %d, step %d: loss %.4f, validation loss %.4f, accuracy %.4f",
            event.epoch,
            event.epochs,
            event.step,
            event.train_loss,
            event.val_loss,
            event.val_accuracy,
        )


def logged(listen: Callable[[Event], None]) -> Callable[[Event], None]:
    """A listener that has the log hear of each event, too."""

    def both(event: Event) -> None:
        log_event(event)
        listen(event)

    return both
