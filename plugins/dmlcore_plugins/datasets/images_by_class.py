"""Images by class: what every reader of files returns, before the split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dmlcore import ImageFiles, Reading
from dmlcore_plugins.datasets.image_names import is_image

ImagesByClass = Mapping[str, Sequence[Path]]
"""Class name → its image files; in the order of the classes."""


def images_in(folder: Path) -> list[Path]:
    """The images directly in a folder, by name."""
    return sorted(path for path in folder.iterdir() if is_image(path.name))


def labelled(
    images: ImagesByClass,
    classes: Sequence[str],
    root: Path,
    notes: Sequence[str] = (),
    reading: Reading | None = None,
) -> ImageFiles:
    """The images of some classes in the folder `root`; the label is the index in `classes`."""
    import numpy as np

    paths = [path for name in classes for path in images[name]]
    counts = np.array([len(images[name]) for name in classes], dtype=np.int64)
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    return ImageFiles(paths, labels, tuple(classes), root, tuple(notes), reading or Reading())


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
