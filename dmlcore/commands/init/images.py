"""The user's images, read as a study will read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

from dmlcore.api.components import DatasetConfig
from dmlcore.api.values import LabelledImages, Split
from dmlcore.data.installing import SPLITS, Splits, amounts, load_splits
from dmlcore.errors import DamagedDataError, DataError, StudyError
from dmlcore.host.registry import Registry
from dmlcore.study.component import changed_options, component_from, data_check, options_by_component
from dmlcore.text import counted

DATASET = "image_folder"
OPENED = 20
"""The most images of each split that are opened."""

NEEDED = "A study needs two classes to train on, two others to test on, and a class of two images in each part."


@frozen(eq=False)
class Images:
    """A data set of the user's images."""

    source: Path
    dataset: DatasetConfig
    splits: Splits
    note: str = ""
    """Why they are not split as they are by default."""

    def counts(self, split: Split) -> list[int]:
        """The number of images of each class of a split."""
        counts: list[int] = np.bincount(self.splits[split].labels).tolist()
        return counts

    def notes(self) -> Sequence[str]:
        """What the reader of the images has to say about them."""
        return tuple(dict.fromkeys(note for split in self.splits.values() for note in getattr(split, "notes", ())))

    def options(self, folder: Path) -> dict[str, Any]:
        """The options of the data set, for a study in `folder`. The source stays absolute if it was given so."""
        options = changed_options(self.dataset, folder)
        if self.source.is_absolute():
            options[_option(self.source)] = self.source.as_posix()
        return options


def read_images(source: Path, settings: Sequence[str], registry: Registry) -> Images:
    """Read a folder of class folders, or a CSV file, with the options `settings`, each OPTION=VALUE.

    Classes are split by name where the folder or the file has a split that can't be used. Raises StudyError for wrong
    options, DataError for too few classes or images, and for images that can't be read.
    """
    if not source.exists():
        raise StudyError(f"{source} does not exist. Expected a folder with one folder per class, or a CSV file.")
    options = {_option(source): str(source), **options_by_component(settings, [DATASET])[DATASET]}
    try:
        images = _loaded(source, options, registry)
    except DataError as error:
        images = _split_by_name(source, options, registry, error)
    for split in images.splits.values():
        _open_some(split, images.dataset)
    return images


def _option(source: Path) -> str:
    return "root" if source.is_dir() else "csv"


def _loaded(source: Path, options: Mapping[str, Any], registry: Registry, note: str = "") -> Images:
    """The images with these options. Raises DataError where they make no study."""
    dataset = component_from(DatasetConfig, DATASET, options, registry)
    images = Images(source, dataset, load_splits(dataset), note)
    train, test = (set(split.class_names) for split in images.splits.values())
    if shared := sorted(train & test):
        raise DataError(f"{counted(len(shared), 'class')} of {source} both train and test, such as {shared[0]!r}.")
    if any(len(counts) < 2 or max(counts) < 2 for counts in map(images.counts, SPLITS)):
        raise DataError(f"{source} has too few classes or images: {amounts(images.splits)}.", NEEDED)
    return images


def _split_by_name(source: Path, options: Mapping[str, Any], registry: Registry, error: DataError) -> Images:
    """The images with the first half of their classes for training. Raises `error` if that is no remedy."""
    if not options.keys() & {"split", "train_classes"}:
        try:
            return _loaded(source, {**options, "split": "first"}, registry, error.problem)
        except (DataError, StudyError):
            pass
    raise DataError(error.problem, error.remedy or NEEDED)


def _open_some(images: LabelledImages, dataset: DatasetConfig) -> None:
    """Open a few images from all over a split. Raises DamagedDataError with the command that opens all."""
    for index in np.unique(np.linspace(0, len(images.labels) - 1, OPENED, dtype=int)).tolist():
        try:
            images.image(index)
        except DamagedDataError as error:
            raise DamagedDataError(str(error), f"To list all such images: {data_check(dataset)}") from None
