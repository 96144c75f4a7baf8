"""`cub200`: CUB-200-2011."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from dmlcore import Archive, DataError, DatasetConfig, Way, hookimpl
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, images_in
from dmlcore_plugins.datasets.layout import Layout, Part
from dmlcore_plugins.datasets.published import Half, PublishedConfig, refuse_missing
from dmlcore_plugins.datasets.wording import first_few

CLASS_FOLDER = "[0-9][0-9][0-9].*"
IMAGES_OF_2010 = 6033

ARCHIVE = Archive(
    "CUB_200_2011.tgz",
    mirrors=[
        "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
        "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
    ],
    checksum="md5:97eceeb196236b17998738112f37df78",
    size=1_150_585_339,
    unpacked=2_000_000_000,
)


def read(images: Path) -> ImagesByClass:
    """The class folders in `images`, numbered in the order of the classes."""
    by_class = {folder.name: images_in(folder) for folder in sorted(images.glob(CLASS_FOLDER))}
    found = sum(map(len, by_class.values()))
    if found == IMAGES_OF_2010:
        raise DataError(
            f"{images.parent} is CUB-200 of 2010, with {found:,} images. The edition of 2011 has the same class"
            " folders, but 11,788 images, and published results use it."
        )
    listed = images.parent / "images.txt"
    if listed.is_file():
        lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()  # "number path"
        named = [images / line.partition(" ")[2] for line in lines if line.strip()]
        refuse_missing(images, named)
        extra = sorted({path for paths in by_class.values() for path in paths} - set(named))
        if extra:
            raise DataError(
                f"{images} has images that {listed.name} does not list:"
                f" {first_few([path.relative_to(images) for path in extra])}.",
                "Remove them.",
            )
    return by_class


@frozen
class Cub200(PublishedConfig):
    """CUB-200-2011 (Wah et al., 2011): 11,788 photographs of 200 species of birds.

    The split of deep metric learning: classes 1-100 train (5,864 images), 101-200 test (5,924). The file
    `train_test_split.txt` is the split of closed-set classification, and is not used.
    """

    name = "cub200"
    title = "CUB-200-2011"
    folders = ("cub*2011*", "cub*")
    layouts = tuple(Layout([Part(folder, ARCHIVE, holds=CLASS_FOLDER)], read) for folder in ("images", "."))
    ways = (Way("Caltech", [ARCHIVE]),)
    train = Half(classes=100, images=5864)
    test = Half(classes=100, images=5924)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [Cub200]
