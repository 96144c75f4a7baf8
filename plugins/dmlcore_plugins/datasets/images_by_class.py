"""Images by class: what every reader of files returns, before the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dmlcore import ImageFiles, Reading

ImagesByClass = Mapping[str, Sequence[Path]]
"""Class name → its image files; in the order of the classes."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


def is_image(name: str) -> bool:
    """Whether a file is an image, by its name; hidden files never are."""
    return not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES


def images_in(folder: Path) -> list[Path]:
    """The images directly in a folder, by name."""
    return sorted(path for path in folder.iterdir() if is_image(path.name))


def labelled(images: ImagesByClass, classes: Sequence[str], reading: Reading | None = None) -> ImageFiles:
    """The images of some classes, read in that way; the label is the index in `classes`."""
    import numpy as np

    paths = [path for name in classes for path in images[name]]
    counts = [len(images[name]) for name in classes]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    return ImageFiles(paths, labels, tuple(classes), reading or Reading())


def missing_files(paths: Iterable[Path]) -> list[Path]:
    """The files that do not exist.

    Each folder is listed once, which is faster than checking file by file; a file is checked only where the listing
    lacks it, since some file systems spell accents in another way.
    """
    present: dict[Path, set[str]] = {}
    missing = []
    for path in paths:
        folder = path.parent
        if folder not in present:
            present[folder] = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
        if path.name not in present[folder] and not path.exists():
            missing.append(path)
    return missing


def first_few(names: Sequence[object], most: int = 5) -> str:
    """The first few names for a message, and how many there are: "a, b, … (7 in all)"."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names):,} in all)"
