"""`image_folder`: your own images."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen

from dmlcore import DatasetConfig, ImageFiles, Reading, Split, StudyError, hookimpl, option
from dmlcore_plugins.datasets.class_split import Classes, split_first, split_named, split_random
from dmlcore_plugins.datasets.csv_listing import Listing, read_listing
from dmlcore_plugins.datasets.folder_tree import read_tree
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, labelled

HALF = 0.5


@frozen
class ImageFolder(DatasetConfig):
    """Your own images: a folder per class, or a CSV file that lists them.

    Set `root` for folders, `csv` for a list with the columns path and label. Training classes and test classes are
    disjoint: name the training classes in `train_classes`, or choose how to split the classes with `split`.
    """

    name = "image_folder"

    root: Path | None = option(
        None, help="folder with one folder per class; with csv: what its paths are relative to, by default its folder"
    )
    csv: Path | None = option(
        None, help="CSV file, in UTF-8, with the columns path and label, and optionally split (train or test)"
    )
    class_from: Literal["top", "leaf"] | None = option(
        None,
        help='which folders are classes: "top" (the default), those directly in root with everything below them; or'
        ' "leaf", those that directly contain images, named by their path below root',
    )
    train_classes: tuple[str, ...] | None = option(
        None, help="names of the training classes, all others test; by default, `split` splits the classes"
    )
    split: Literal["first", "random", "column"] | None = option(
        None,
        help='"first": the first classes by name train; "random": a random draw; "column": the column of the CSV'
        ' file; by default "column" where there is one, else "first"',
    )
    test_fraction: float | None = option(
        None, gt=0, lt=1, help='share of the classes that test, for "first" and "random"; by default 0.5'
    )
    split_seed: int | None = option(None, ge=0, help='seed of the draw, for split = "random"; by default 0')
    depth: int | None = option(
        None,
        ge=8,
        le=32,
        omit_if_default=True,
        unit="bits",
        help="bits of images that are stored with more than 8: white is 2^depth - 1, such as 4095 for cameras of 12"
        " bits; by default, the smallest of 8, 10, 12, 14, 16, 24 and 32 that holds the values of 64 images",
    )
    max_megapixels: float = option(
        300.0,
        gt=0,
        identity=False,
        omit_if_default=True,
        unit="megapixels",
        help="larger images are an error; those above 89 megapixels are read at a reduced scale",
    )

    def __attrs_post_init__(self) -> None:
        if self.root is None and self.csv is None:
            raise ValueError("set root, a folder of class folders, or csv, a list of images")
        if self.class_from and self.csv:
            raise ValueError("class_from has no effect with csv, which lists the class of each image: remove one")
        if self.split == "column" and not self.csv:
            raise ValueError('split = "column" needs csv: remove it, or use "first" or "random"')
        self._check_split()

    def _check_split(self) -> None:
        if self.train_classes is not None:
            if not self.train_classes or len(set(self.train_classes)) < len(self.train_classes):
                raise ValueError("train_classes must name at least one class, each once")
            if (self.split, self.test_fraction, self.split_seed) != (None, None, None):
                raise ValueError(
                    "train_classes already defines the split: remove either it or split, test_fraction and split_seed"
                )
        if self.test_fraction is not None and self.split == "column":
            raise ValueError('test_fraction has no effect with split = "column": remove one')
        if self.split_seed is not None and self.split != "random":
            raise ValueError('split_seed has an effect only with split = "random"')

    def load(self, split: Split) -> ImageFiles:
        """Raises DataError where files are missing or can't be split, StudyError for unknown classes."""
        if self.csv:
            listing = read_listing(self.csv, self.root or self.csv.parent)
            images = listing.images()
            classes = self._split_listing(listing, images)
        else:
            assert self.root is not None  # or __attrs_post_init__ had refused
            images = read_tree(self.root, self.class_from or "top")
            classes = self._split(images)
        paths = [path for of_class in images.values() for path in of_class]
        return labelled(images, classes[split], Reading.of(paths, depth=self.depth, max_megapixels=self.max_megapixels))

    def _split_listing(self, listing: Listing, images: ImagesByClass) -> Classes:
        if self.split == "column":
            return listing.classes_by_split()
        if not listing.has_splits or self.split or self.train_classes:
            return self._split(images)
        if self.test_fraction is not None:
            raise StudyError(
                f"dataset.test_fraction has no effect: the column split of {listing.file} defines the test classes."
                ' Remove it, or set split = "first" or "random".'
            )
        return listing.classes_by_split()

    def _split(self, images: ImagesByClass) -> Classes:
        names = list(images)
        if self.train_classes is not None:
            return split_named(names, self.train_classes)
        if self.split == "random":
            return split_random(names, self.test_fraction or HALF, self.split_seed or 0)
        return split_first(names, self.test_fraction or HALF)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [ImageFolder]
