"""Owns what a look at the pictures means for the user: what stops them, and in which words."""

from __future__ import annotations

from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import Changes, ScanResult


class Overview:
    """What a look at the pictures came to: whether they can be learned from, and why not.

    `keys` are its classes in label order, by the names that they were found by; of classes that
    were merged at least one is there.
    """

    def __init__(self, scan: ScanResult) -> None:
        self.scan = scan
        shown: dict[str, list[str]] = {name: [] for name in scan.classes}
        for key, name in scan.names.items():
            shown.setdefault(name, []).append(key)
        self.keys = tuple(key for name, keys in shown.items() for key in keys or [name])
        self._flaw = self._find_flaw()

    @property
    def usable(self) -> bool:
        return self._flaw is None

    def why_unusable(self) -> str | None:
        """What keeps these pictures from being learned from, or None."""
        return self._flaw

    def _find_flaw(self) -> str | None:
        classes, parts = self.scan.classes, self.scan.parts
        if len(classes) < 2:
            return translate("state", "At least two classes are needed, each with its pictures.")
        for name, n in classes.items():
            if n < 2:
                text = translate("state", "The class “{0}” has {1}: at least 2 are needed.")
                return text.format(name, pictures(n))
        for name in classes:
            if not parts[name].get("train"):
                text = translate("state", "The class “{0}” has no picture to learn from.")
                return text.format(name)
        if self.scan.split.val == 0:
            return translate("state", "No picture is left to check the answers on.")
        return None


def pictures(n: int) -> str:
    if n == 1:
        return translate("state", "1 picture")
    return translate("state", "{0} pictures").format(f"{n:,}")


def split_sentence(scan: ScanResult) -> str:
    """The one sentence at the foot of the images page."""
    split = scan.split
    text = translate("state", "It will learn from {0} and be checked on {1} that it never sees.")
    sentences = [text.format(pictures(split.train), f"{split.val:,}")]
    if split.test:
        text = translate("state", "Another {0} are kept aside for a last test.")
        sentences.append(text.format(f"{split.test:,}"))
    return " ".join(sentences)


def changes_sentence(changes: Changes | None) -> str:
    """What became of the pictures since they were looked at last; empty at the first look."""
    if changes is None:
        return ""
    numbers = (
        (changes.added, translate("state", "{0} added")),
        (changes.changed, translate("state", "{0} changed")),
        (changes.moved, translate("state", "{0} moved")),
        (changes.removed, translate("state", "{0} gone")),
    )
    said = [text.format(f"{n:,}") for n, text in numbers if n]
    if not said:
        return translate("state", "The files are as they were.")
    return translate("state", "Since the last look: {0}.").format(", ".join(said))
