"""Owns made-up scan results: what a scan would say of files that need not exist."""

from __future__ import annotations

from tlstudio.jobs import Picture, ScanResult, Split


def made_up_scan(
    classes: dict[str, int], folder: str = "/pictures", given: bool = False, **values: object
) -> ScanResult:
    """A scan result of files that need not exist: a fifth of each class is for validation."""
    files = tuple(
        Picture(file=f"{name}/{i:05}.png", label=name, part="val" if i % 5 == 4 else "train")
        for name, n in classes.items()
        for i in range(n)
    )
    val = sum(picture.part == "val" for picture in files)
    return ScanResult.model_validate(
        {
            "folder": folder,
            "pictures": len(files),
            "classes": classes,
            "split": Split(given=given, train=len(files) - val, val=val, test=0),
            "files": files,
            **values,
        }
    )
