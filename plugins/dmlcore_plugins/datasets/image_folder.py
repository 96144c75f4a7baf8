"""`image_folder`: images of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen

from dmlcore import DatasetConfig, ImageFiles, Split, StudyError, hookimpl, option
from dmlcore_plugins.datasets.class_split import Classes, split_first, split_named, split_random
from dmlcore_plugins.datasets.csv_listing import Listing, read_listing
from dmlcore_plugins.datasets.folder_tree import read_tree
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, labelled

HALF = 0.5


@frozen
class ImageFolder(DatasetConfig):
    """Images of your own: a folder per class, or a CSV file that lists them.

    Give `root` for folders, `csv` for a list with the columns path and label. Training classes and test classes
    are disjoint: `train_classes` names the training classes, or `split` says how the classes are divided.
    """

    name = "image_folder"

    root: Path | None = option(
        None, help="folder that holds a folder per class; with csv: what its paths start from (left out: its folder)"
    )
    csv: Path | None = option(
        None, help="CSV file, in UTF-8, with the columns path and label, and perhaps split (train or test)"
    )
    class_from: Literal["top", "leaf"] | None = option(
        None,
        help='which folders are classes: "top", those directly in root with all below them (so if left out); or'
        ' "leaf", those that directly hold images, named by their path below root',
    )
    train_classes: tuple[str, ...] | None = option(
        None, help="names of the training classes, all others test (left out: `split` divides the classes)"
    )
    split: Literal["first", "random", "column"] | None = option(
        None,
        help='"first": the first classes by name train; "random": they are drawn; "column": the CSV file\'s column'
        ' says it (left out: "column" where there is one, else "first")',
    )
    test_fraction: float | None = option(
        None, gt=0, lt=1, help='part of the classes that test, for "first" and "random" (left out: 0.5)'
    )
    split_seed: int | None = option(None, ge=0, help='which classes are drawn, for split = "random" (left out: 0)')

    def __attrs_post_init__(self) -> None:
        if self.root is None and self.csv is None:
            raise ValueError("Give root, a folder of class folders, or csv, a list of images")
        if self.class_from and self.csv:
            raise ValueError("class_from has no effect with csv, where each image's class is listed: leave one out")
        if self.split == "column" and not self.csv:
            raise ValueError('split = "column" is for csv: leave it out, or use "first" or "random"')
        self._check_split()

    def _check_split(self) -> None:
        if self.train_classes is not None:
            if not self.train_classes or len(set(self.train_classes)) < len(self.train_classes):
                raise ValueError("train_classes must name at least one class, and each once")
            if (self.split, self.test_fraction, self.split_seed) != (None, None, None):
                raise ValueError(
                    "train_classes settles the split: leave out either it or split, test_fraction and split_seed"
                )
        if self.test_fraction is not None and self.split == "column":
            raise ValueError('test_fraction has no effect with split = "column": leave one out')
        if self.split_seed is not None and self.split != "random":
            raise ValueError('split_seed has an effect with split = "random" only')

    def load(self, split: Split) -> ImageFiles:
        """Raises DataError where files are missing or no split can be made of them, StudyError for unknown classes."""
        if self.csv:
            listing = read_listing(self.csv, self.root or self.csv.parent)
            images = listing.images()
            classes = self._divide_listing(listing, images)
        else:
            assert self.root is not None  # or __attrs_post_init__ had refused
            images = read_tree(self.root, self.class_from or "top")
            classes = self._divide(images)
        return labelled(images, classes[split])

    def _divide_listing(self, listing: Listing, images: ImagesByClass) -> Classes:
        if self.split == "column":
            return listing.classes_by_split()
        if not listing.has_splits or self.split or self.train_classes:
            return self._divide(images)
        if self.test_fraction is not None:
            raise StudyError(
                f"dataset.test_fraction has no effect: the column split of {listing.file} says which classes test."
                ' Leave it out, or have the classes divided anew: split = "first" or "random".'
            )
        return listing.classes_by_split()

    def _divide(self, images: ImagesByClass) -> Classes:
        names = list(images)
        if self.train_classes is not None:
            return split_named(names, self.train_classes)
        if self.split == "random":
            return split_random(names, self.test_fraction or HALF, self.split_seed or 0)
        return split_first(names, self.test_fraction or HALF)


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [ImageFolder]
