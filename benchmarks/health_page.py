"""Owns the figures on what is wrong with many pictures: how long the window is held up by what.

`python benchmarks/health_page.py [PICTURES [FINDINGS]]` makes a data set of that many small
pictures in two classes with that many made-up findings, in a temporary folder, and works with the
health tab and the list of files as a user would. `benchmarks/labelling.py` says what is printed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from labelling import Bench, shown
from PySide6.QtCore import Qt

from tlstudio.jobs import Finding, FindingKind, ScanResult
from tlstudio.projects.index import Index
from tlstudio.projects.project import Project

KINDS: tuple[FindingKind, ...] = (
    "near_duplicate",
    "exact_duplicate",
    "odd_one_out",
    "conflicting_labels",
)


def add_findings(scan: ScanResult, number: int) -> None:
    """Pairs of pictures, each a finding."""
    index = Index(Project(Path(scan.project)))
    entries = [entry for entry in index.entries() if entry.label == "many"]
    findings = [
        Finding(
            kind=KINDS[at % len(KINDS)],
            severity="warn",
            sentence=f"“{first.file}” and “{second.file}” show nearly the same.",
            hint="Exclude one of them.",
            files=(first.file, second.file),
        )
        for at, (first, second) in enumerate(zip(entries[::2], entries[1::2], strict=False))
    ]
    places = {entry.id: "val" if entry.id % 5 == 0 else "train" for entry in index.entries()}
    index.save_outcome(places, {}, findings[:number], {})


class HealthBench(Bench):
    """The health tab, then the list of files."""

    def review(self, scan: ScanResult) -> None:
        tab, found = self.page.found.health, self.page.found
        with self.step("the findings are shown"):
            self.page.state.set_scan(scan)
            found.show_tab(tab)
            self.wait(lambda: tab.review is not None and tab.settled)
        with self.step("their pictures come"):
            self.live(3000)
        bar = tab.area.verticalScrollBar()
        with self.step("scrolled through"):
            for place in range(200):
                bar.setValue(bar.maximum() * place // 199)
                self.live(15)
        for section in tab.sections.values():
            with self.step("20 more of a kind"):
                section.more_button.click()
                self.wait(lambda: tab.settled)
        copies = tab.sections["exact_duplicate"]
        for name, button in (
            ("one copy kept", next(iter(copies.cards.values())).buttons[0]),
            ("one of each kept", copies.common_buttons[0]),
        ):
            with self.step(name):
                button.click()
                self.wait(lambda: not self.page.desk.busy and tab.settled)
        with self.step("undone"):
            self.page.desk.take_back()
            self.wait(lambda: not self.page.desk.busy and tab.settled)
        with self.step("all of a kind dismissed"):
            tab.sections["near_duplicate"].common_buttons[1].click()
            self.wait(lambda: tab.settled)

    def list_files(self, scan: ScanResult) -> None:
        tab, found = self.page.found.files, self.page.found
        model = tab.table.files
        with self.step("the files are listed"):
            found.show_tab(tab)
            self.wait(lambda: model.rowCount() == scan.pictures)
        for column in range(1, model.columnCount()):
            with self.step(f"ordered by “{model.headerData(column, Qt.Orientation.Horizontal)}”"):
                tab.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
        with self.step("looked for, key by key"):
            for text in ("4", "49", "499", "4999", ""):
                tab.search.setText(text)
                self.live(50)
        bar = tab.table.verticalScrollBar()
        with self.step("scrolled through"):
            for place in range(200):
                bar.setValue(bar.maximum() * place // 199)
                self.live(15)
        with self.step("saved"):
            tab.save(Path(scan.folder).parent / "files.csv")
            self.wait(tab.notice.isVisible)


def main(pictures: int, findings: int) -> None:
    with shown(pictures) as (page, scan):
        add_findings(scan, findings)
        bench = HealthBench(page)
        bench.live(1500)
        bench.review(scan)
        bench.list_files(scan)


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    main(*[*numbers, *(50_000, 1000)[len(numbers) :]])
