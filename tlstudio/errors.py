"""Owns the exceptions that carry a sentence for the user."""

from __future__ import annotations

import traceback


class TLStudioError(Exception):
    """A failure that the user can understand and do something about.

    `message` says what happened and what it means; `hint` says what to do next. Both are whole
    sentences. Everything that is not a `TLStudioError` is a bug and is reported as one.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(TLStudioError):
    """The request itself is wrong (an unknown backbone, a stage that does not exist)."""


class DatasetError(TLStudioError):
    """The folder of pictures can't be used as it is."""


class PicturesAwayError(DatasetError):
    """The folder of pictures can't be reached: it may come back."""


class PictureError(TLStudioError):
    """One picture can't be read; `message` is the reason, in words."""


class WeightsError(TLStudioError):
    """Weights are missing, damaged, of another network, or not safe to read."""


class RunError(TLStudioError):
    """A run folder is missing, unfinished, damaged, or in the way."""


class StorageError(TLStudioError):
    """A file could not be written: full disk, read-only folder, missing rights."""


class ExportError(TLStudioError):
    """An export failed, or does not agree with the model that was tested."""


class MissingPackageError(TLStudioError):
    """A package is needed that the program does without as long as nobody asks for it."""


class EngineError(TLStudioError):
    """The engine process could not start, or ended by itself."""


class UnforeseenError(TLStudioError):
    """What ended a job is a bug; `details` is for whoever repairs it."""

    def __init__(self, message: str, hint: str, details: str) -> None:
        super().__init__(message, hint)
        self.details = details

    @classmethod
    def of(cls, error: Exception) -> UnforeseenError:
        return cls(
            f"Something went wrong inside the program ({type(error).__name__}: {error}).",
            "Your files are as they were. A report for support has the details.",
            "".join(traceback.format_exception(error)),
        )


class Cancelled(Exception):  # noqa: N818  (it is no error)
    """A job ended because somebody asked it to; not a failure."""
