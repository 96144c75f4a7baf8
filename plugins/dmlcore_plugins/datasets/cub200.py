"""`cub200`: CUB-200-2011."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from dmlcore import Archive, DataError, DatasetConfig, ImageFiles, Source, Split, Way, hookimpl, option
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, images_in
from dmlcore_plugins.datasets.layout import Layout, Part
from dmlcore_plugins.datasets.published import ROOT_HELP, Half, PublishedSet, refuse_missing
from dmlcore_plugins.datasets.wording import some

TITLE = "CUB-200-2011"
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
WAY = Way("Get it from Caltech", [ARCHIVE])


def read(images: Path) -> ImagesByClass:
    """The class folders in `images`, which are numbered in the order of the classes."""
    by_class = {folder.name: images_in(folder) for folder in sorted(images.glob(CLASS_FOLDER))}
    found = sum(map(len, by_class.values()))
    if found == IMAGES_OF_2010:
        raise DataError(
            f"{images.parent} holds CUB-200 of 2010, with {found:,} images; {TITLE} has the same class folders,"
            " but 11,788 images, and published numbers are measured on it.",
            WAY.instructions(images.parent),
        )
    listed = images.parent / "images.txt"
    if listed.is_file():
        _compare_with_list(listed, images, by_class)
    return by_class


def _compare_with_list(listed: Path, images: Path, by_class: ImagesByClass) -> None:
    """Raises DataError where other images are there than `images.txt` names, line by line, as "number path"."""
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines()
    named = [images / line.partition(" ")[2] for line in lines if line.strip()]
    refuse_missing(TITLE, images, named)
    extra = sorted({path for paths in by_class.values() for path in paths} - set(named))
    if extra:
        raise DataError(
            f"{TITLE} in {images}: images that {listed.name} does not name:"
            f" {some([path.relative_to(images) for path in extra])}. Remove them."
        )


CUB = PublishedSet(
    name="cub200",
    title=TITLE,
    folders=("cub*2011*", "cub*"),
    layouts=[Layout([Part(folder, ARCHIVE, holds=CLASS_FOLDER)], read) for folder in ("images", ".")],
    ways=[WAY],
    train=Half(classes=100, images=5864),
    test=Half(classes=100, images=5924),
)


@frozen
class Cub200(DatasetConfig):
    """CUB-200-2011 (Wah et al., 2011): 11,788 photographs of 200 species of birds.

    The split of deep metric learning: classes 1-100 train (5,864 images), 101-200 test (5,924). The file
    `train_test_split.txt` is the split of closed-set classification, and is not used.
    """

    name = "cub200"

    root: Path | None = option(None, identity=False, help=ROOT_HELP)

    def load(self, split: Split) -> ImageFiles:
        """Raises DataError where files are missing or of another edition; it says how to get the right ones."""
        return CUB.load(self.root, split)

    def source(self) -> Source:
        """The archive of Caltech."""
        return CUB.source(self.root)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [Cub200]
