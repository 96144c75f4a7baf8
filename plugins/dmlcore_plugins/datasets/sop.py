"""`sop`: Stanford Online Products."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from dmlcore import Archive, DataError, DatasetConfig, Way, hookimpl, read_rgb
from dmlcore_plugins.datasets.images_by_class import ImagesByClass
from dmlcore_plugins.datasets.layout import Layout, Part
from dmlcore_plugins.datasets.published import Half, PublishedConfig, refuse_missing

HEADER = ["image_id", "class_id", "super_class_id", "path"]
RESIZED_SIDE = 224
SAMPLED = 24

ARCHIVE = Archive(
    "Stanford_Online_Products.zip",
    mirrors=["http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip"],
    checksum="md5:7f73d41a2f44250d4779881525aea32e",
    size=3_083_860_082,
    unpacked=4_000_000_000,
)


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
    for path in paths[:: max(1, len(paths) // SAMPLED)]:
        try:
            if RESIZED_SIDE not in read_rgb(path).size:
                return
        except DataError:
            return
    raise DataError(
        f"{folder} is a copy resized to {RESIZED_SIDE} pixels, which circulates under the same name; published results"
        " use the original sizes."
    )


@frozen
class StanfordOnlineProducts(PublishedConfig):
    """Stanford Online Products (Song et al., 2016): 120,053 photographs of 22,634 products.

    The published split: 11,318 classes train (59,551 images), the other 11,316 test (60,502).
    """

    name = "sop"
    title = "Stanford Online Products"
    folders = ("*online*products*", "sop*")
    layouts = (Layout([Part("Ebay_train.txt", ARCHIVE), Part("Ebay_test.txt", ARCHIVE)], read),)
    ways = (Way("Stanford", [ARCHIVE]),)
    train = Half(classes=11318, images=59551)
    test = Half(classes=11316, images=60502)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [StanfordOnlineProducts]
