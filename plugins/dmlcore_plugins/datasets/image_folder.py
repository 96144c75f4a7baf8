"""`image_folder`: your own images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from dmlcore import DatasetConfig, ImageFiles, Reading, Split, StudyError, hookimpl, option
from dmlcore_plugins.datasets.class_split import Classes, split_first, split_named, split_random
from dmlcore_plugins.datasets.csv_columns import Columns
from dmlcore_plugins.datasets.csv_listing import read_listing
from dmlcore_plugins.datasets.folder_tree import read_tree
from dmlcore_plugins.datasets.images_by_class import ImagesByClass, labelled
from dmlcore_plugins.datasets.listing import Listing, with_distinct_names
from dmlcore_plugins.datasets.split_values import SplitValues
from dmlcore_plugins.datasets.value_split import folder_note, split_by_column, split_by_folders
from dmlcore_plugins.datasets.wording import counted, first_few, printable

HALF = 0.5


@frozen
class ImageFolder(DatasetConfig):
    """Your own images: a folder per class, or a CSV file that lists them.

    Set `root` for folders, `csv` for a list with the columns path and label. Training classes and test classes are
    disjoint: name the training classes in `train_classes`, or choose how to split the classes with `split`.

    If all folders in `root` have names such as train, val and test, they are the split, and the folders in them are the
    classes. Validation folders train as well: `evaluation.select = "validation"` draws its classes from the training
    classes. If a class is in both training and test folders, set `split = "first"` to join its images and split the
    classes instead.
    """

    name = "image_folder"

    root: Path | None = option(
        None, help="folder with one folder per class; with csv: what its paths are relative to, by default its folder"
    )
    csv: Path | None = option(
        None,
        help="CSV file with the columns path and label, and optionally split (train or test); UTF-8 or UTF-16, with"
        " commas, semicolons or tabs",
    )
    class_from: Literal["top", "leaf"] | None = option(
        None,
        help='which folders are classes: "top" (the default), those directly in root with everything below them; or'
        ' "leaf", those that directly contain images, named by their path below root',
    )
    train_classes: tuple[str, ...] | None = option(
        None, help="names of the training classes, all others test; by default, `split` splits the classes"
    )
    split: Literal["first", "random", "column", "folders"] | None = option(
        None,
        help='"first": the first classes by name train, with numbers in their order (2 before 10); "random": a random'
        ' draw; "column": the column of the CSV file; "folders": folders such as train and test in root; by default'
        ' "column" or "folders" where there are such, else "first"',
    )
    test_fraction: float | None = option(
        None, gt=0, lt=1, help='share of the classes that test, for "first" and "random"; by default 0.5'
    )
    split_seed: int | None = option(None, ge=0, help='seed of the draw, for split = "random"; by default 0')
    columns: Columns | None = option(
        None, help="names of the columns of the CSV file, if they are not path, label and split", omit_if_default=True
    )
    split_values: SplitValues | None = option(
        None,
        help="the values of the split column, or the folders in root, that are for training, for testing, and not used",
        omit_if_default=True,
    )
    merge_names: bool | None = option(
        None,
        help="whether class names that differ only in case, inner blanks or typographic form (Ａ and A) are one class;"
        " by default they are an error. Blanks at the ends never count",
        omit_if_default=True,
    )
    min_images: int | None = option(
        None, ge=1, unit="images", help="drop the classes with fewer images; by default none", omit_if_default=True
    )
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
        if self.split == "folders" and self.csv:
            raise ValueError('split = "folders" has no effect with csv: use "column"')
        if self.columns and not self.csv:
            raise ValueError("columns needs csv: remove it")
        self._check_split()

    def _check_split(self) -> None:
        if self.train_classes is not None:
            if not self.train_classes or len(set(self.train_classes)) < len(self.train_classes):
                raise ValueError("train_classes must name at least one class, each once")
            if (self.split, self.test_fraction, self.split_seed) != (None, None, None):
                raise ValueError(
                    "train_classes already defines the split: remove either it or split, test_fraction and split_seed"
                )
        if self.test_fraction is not None and self.split in ("column", "folders"):
            raise ValueError(f'test_fraction has no effect with split = "{self.split}": remove one')
        if self.split_seed is not None and self.split != "random":
            raise ValueError('split_seed has an effect only with split = "random"')

    def load(self, split: Split) -> ImageFiles:
        """Raises DataError where files are missing or can't be split, StudyError for unknown classes."""
        listing = self._read()
        images = listing.images()
        small = {name: len(paths) for name, paths in images.items() if len(paths) < (self.min_images or 1)}
        classes = self._classes(listing, list(images), small)
        for side, names in classes.items():
            if not names:
                raise listing.error(f"dataset.min_images = {self.min_images} drops every class of the {side} split.")
        notes = [*listing.notes, *self._notes(listing, images, classes, small, split)]
        paths = [path for of_class in images.values() for path in of_class]
        reading = Reading.of(paths, depth=self.depth, max_megapixels=self.max_megapixels)
        return labelled(images, classes[split], listing.root, notes, reading)

    def _read(self) -> Listing:
        if self.csv:
            listing = read_listing(self.csv, self.root or self.csv.parent, self.columns or Columns())
        else:
            assert self.root is not None  # or __attrs_post_init__ had refused
            listing = read_tree(self.root, self.class_from or "top", self.split_values)
        if self.split_values:
            if not listing.divider:
                needed = "a column of the split" if self.csv else "at least one of its folders in dataset.root"
                raise listing.error(f"dataset.split_values needs {needed}.")
            listing = listing.without(self.split_values.ignore)
            if not listing.groups and not listing.problems:
                raise listing.error("dataset.split_values ignores every image.")
        listing = with_distinct_names(listing, self.merge_names)
        listing.refuse()
        return listing

    def _classes(self, listing: Listing, names: Sequence[str], small: Mapping[str, int]) -> Classes:
        """The names of the classes of each split, without the small ones."""
        large = [name for name in names if name not in small]
        if self._splits_by_parts(listing):
            if self.test_fraction is not None:
                raise StudyError(
                    f"dataset.test_fraction has no effect: {listing.divider} of {self.csv or self.root} define"
                    f'{"s" if self.csv else ""} the test classes. Remove it, or set split = "first" or "random".'
                )
            classes = (split_by_column if self.csv else split_by_folders)(listing, self.split_values)
        elif self.train_classes is not None:
            classes = split_named(names, self.train_classes)
        elif len(large) < 2:
            raise listing.error(_too_few_classes(listing, names, large))
        elif self.split == "random":
            classes = split_random(large, self.test_fraction or HALF, self.split_seed or 0)
        else:
            classes = split_first(large, self.test_fraction or HALF)
        return {side: [name for name in of_side if name not in small] for side, of_side in classes.items()}

    def _splits_by_parts(self, listing: Listing) -> bool:
        if self.split in ("column", "folders"):
            if not listing.divider:
                needed = 'a column "split"' if self.csv else "folders such as train and test in root"
                raise listing.error(f'split = "{self.split}" needs {needed}.')
            return True
        return bool(listing.divider) and not self.split and not self.train_classes

    def _notes(
        self, listing: Listing, images: ImagesByClass, classes: Classes, small: Mapping[str, int], split: Split
    ) -> Iterator[str]:
        if small:
            dropped = counted(len(small), "class", "classes")
            lost = counted(sum(small.values()), "image")
            yield f"min_images = {self.min_images} drops {dropped} of {lost}: {first_few(list(small))}"
        if not self.csv and self._splits_by_parts(listing):
            yield folder_note(listing, self.split_values)
        single = [name for name in classes["test"] if len(images[name]) == 1]
        if single and split == "test":
            yield (
                f"{counted(len(single), 'test class', 'test classes')} of {len(classes['test']):,} with only one image,"
                f" which has no other image to retrieve: {first_few(single)} (min_images = 2 drops such classes)"
            )


def _too_few_classes(listing: Listing, names: Sequence[str], large: Sequence[str]) -> str:
    if len(names) > 1:
        number = "only one class" if large else "no class"
        return f"dataset.min_images leaves {number} of {len(names):,}; training and testing need at least two each."
    hint = ""
    if listing.is_nested:
        hint = (
            f" If the folders in it are the classes, set dataset.root to {listing.root / names[0]}, or"
            ' dataset.class_from = "leaf".'
        )
    return f"there is only one class, {printable(names[0])}; training and testing need at least two each.{hint}"


@hookimpl
def dmlcore_register_datasets() -> list[type[DatasetConfig]]:
    return [ImageFolder]
