"""The lists of Stanford Online Products, and the one wrong edition that they can't detect."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmlcore import DataError
from dmlcore_plugins.datasets.images_by_class import ImagesByClass
from dmlcore_plugins.datasets.published import refuse_missing

HEADER = ["image_id", "class_id", "super_class_id", "path"]
RESIZED_SIDE = 224
SAMPLED = 24


def read(train: Path, test: Path) -> ImagesByClass:
    """Classes in the order of the lists, training classes first; each named by its category and its number."""
    images: dict[str, list[Path]] = {}
    for listed in (train, test):
        for number, path in _rows(listed):
            kind = path.parent.name.removesuffix("_final")
            images.setdefault(f"{kind}/{number}", []).append(path)
    paths = [path for of_class in images.values() for path in of_class]
    refuse_missing(train.parent, paths)
    _refuse_resized(train.parent, paths)
    return images


def _rows(listed: Path) -> list[tuple[str, Path]]:
    """(class number, image) of each line. Raises DataError where the file is not such a list."""
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line.split() for line in lines if line.strip()]
    if not rows or rows[0] != HEADER or any(len(row) != len(HEADER) for row in rows):
        raise DataError(
            f"{listed} is a different file under this name: expected lines of {' '.join(HEADER)}, with these words as"
            " the first line."
        )
    return [(number, listed.parent / path) for _, number, _, path in rows[1:]]


def _refuse_resized(folder: Path, paths: Sequence[Path]) -> None:
    """Raises DataError for a copy with resized images; sellers' photographs have all sizes.

    Such a copy circulates; networks that crop see less of its images, so its numbers are not comparable.
    """
    from PIL import Image, UnidentifiedImageError

    for path in paths[:: max(1, len(paths) // SAMPLED)]:
        try:
            with Image.open(path) as image:
                if RESIZED_SIDE not in image.size:
                    return
        except (OSError, UnidentifiedImageError):
            return
    raise DataError(
        f"{folder} is a copy resized to {RESIZED_SIDE} pixels, which circulates under the same name; published results"
        " use the original sizes."
    )
