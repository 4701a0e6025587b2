"""Owns which pictures are chosen, what was said of them, and what a look at them came to."""

from __future__ import annotations

from typing import Any

from tlstudio.gui.wizard.findings import Overview
from tlstudio.gui.wizard.observed import Observed
from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import DatasetSpec, ScanResult


class PictureChoice(Observed):
    """What is chosen, and how it is split.

    `looking`: they are being looked through, and nothing can be built on pictures that may go.
    `trouble` is the reason why what was corrected since can't be looked at; empty for none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.looking, self.trouble = False, ""
        self.dataset: DatasetSpec | None = None
        self.scan: ScanResult | None = None
        self.overview: Overview | None = None

    @property
    def folder(self) -> str | None:
        return self.scan.folder if self.scan else None

    def shows(self, dataset: DatasetSpec) -> bool:
        """Whether these are the pictures that are shown, however they are split and grouped."""
        return self.dataset is not None and all(
            getattr(dataset, name) == getattr(self.dataset, name)
            for name in ("folder", "roots", "table", "pattern", "project")
        )

    def set_looking(self, looking: bool, trouble: str = "") -> None:
        """The pictures are being looked through, or, for a reason, can't be any more."""
        if (looking, trouble) != (self.looking, self.trouble):
            self.looking, self.trouble = looking, trouble
            self._changed()

    def set_scan(self, scan: ScanResult, dataset: DatasetSpec | None = None) -> None:
        """New pictures, and what was said of them before they were looked at."""
        self._refuse_while_training()
        self.dataset = dataset or DatasetSpec(folder=scan.folder)
        self.scan, self.overview = scan, Overview(scan)
        self.looking, self.trouble = False, ""
        self._changed()

    def forget_pictures(self) -> None:
        """None are chosen any more."""
        self._refuse_while_training()
        self.dataset, self.scan, self.overview = None, None, None
        self.looking, self.trouble = False, ""
        self._changed()

    def change_split(self, **values: Any) -> None:
        """Changes how the pictures are split: `validation_fraction`, `test_fraction`, `grouping`,
        `own_split`. Whoever does that has them looked at again. Raises pydantic's
        `ValidationError`."""
        self._refuse_while_training()
        if self.dataset is not None:
            dataset = DatasetSpec.model_validate({**self.dataset.model_dump(), **values})
            if dataset != self.dataset:
                self.dataset = dataset
                self._changed()

    def why_no_pictures(self) -> str | None:
        """What has to come before anything can be learned from the pictures, or None."""
        if self.looking:
            return translate("state", "The pictures are still being looked through.")
        if self.trouble:
            return self.trouble
        if self.overview is None:
            return translate("state", "Choose a folder of pictures first.")
        return self.overview.why_unusable()


def looked_at(scan: ScanResult, dataset: DatasetSpec) -> DatasetSpec:
    """What was looked at, with all that was decided in the look: a run asks nobody."""
    grouping, share = dataset.grouping, dataset.test_fraction
    return dataset.model_copy(
        update={
            "project": scan.project or None,
            "grouping": scan.grouping if grouping is None else grouping,
            "test_fraction": scan.test_fraction if share is None else share,
        }
    )
