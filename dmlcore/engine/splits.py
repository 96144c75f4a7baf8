"""The images of a run: training, held-out validation and test classes, checked to be disjoint."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from dmlcore.api.components import DatasetConfig
from dmlcore.api.values import LabelledImages, Split, notes_of
from dmlcore.engine.seeding import generator
from dmlcore.errors import DamagedDataError, DataError, StudyError
from dmlcore.host.faults import faults_of, named
from dmlcore.results.contents import what_changed
from dmlcore.study.component import data_check
from dmlcore.study.data_sets import DataSets
from dmlcore.study.schema import Run
from dmlcore.text import counted, is_text

if TYPE_CHECKING:
    from PIL.Image import Image


@frozen(eq=False)
class Subset:
    """Some images of a split, with labels renumbered from 0; itself LabelledImages."""

    images: LabelledImages
    indices: np.ndarray
    labels: np.ndarray
    class_names: Sequence[str]

    @property
    def notes(self) -> Sequence[str]:
        return notes_of(self.images)

    def image(self, index: int) -> Image:
        return self.images.image(int(self.indices[index]))


@frozen(eq=False)
class _OfDataset:
    """A split that attributes faults to its data set, also in a process that loads images."""

    images: LabelledImages
    dataset: DatasetConfig
    labels: np.ndarray
    class_names: Sequence[str]

    @property
    def notes(self) -> Sequence[str]:
        return notes_of(self.images)

    def image(self, index: int) -> Image:
        try:
            with faults_of(self.dataset, "image"):
                return self._image(index)
        except DamagedDataError as error:
            remedy = f"To list all such images: {data_check(self.dataset)}\nThen repeat the same command."
            raise DamagedDataError(str(error), remedy) from None

    def _image(self, index: int) -> Image:
        from PIL.Image import DecompressionBombError

        try:
            return self.images.image(index)
        except DecompressionBombError as error:
            raise DataError(
                f"Image {index} of the {named(self.dataset)}: {error}",
                "Reduce the image, or have the plugin read it by dmlcore.read_rgb, which reads large scans.",
            ) from None


@frozen(eq=False)
class Data:
    """The images that a run trains and is evaluated on."""

    train: LabelledImages
    validation: LabelledImages | None
    test: LabelledImages

    def splits(self) -> dict[str, LabelledImages]:
        """Return the existing splits by name."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: images for name, images in splits.items() if images is not None}

    def facts(self) -> dict[str, int | str]:
        """Return counts of images and classes of each split, and a digest that changes with the data."""
        facts: dict[str, int | str] = {}
        digest = hashlib.sha256()
        for name, images in self.splits().items():
            facts[f"{name}_images"] = len(images.labels)
            facts[f"{name}_classes"] = len(images.class_names)
            digest.update(np.ascontiguousarray(images.labels, dtype="<i8").tobytes())
            digest.update("\n".join(images.class_names).encode())
        return facts | {"digest": digest.hexdigest()[:16]}


def what_sets_the_images(run: Run) -> Hashable:
    """Return everything that the images of a run depend on; runs with equal values share them."""
    evaluation = run.study.evaluation
    return run.study.dataset, evaluation, run.seed if evaluation.select == "validation" else None


def load_data(run: Run, data_sets: DataSets | None = None) -> Data:
    """Return the images of a run, as `data_sets` has them.

    Raises DataError if a class is in both splits or there is only one to train on.
    """
    study, known = run.study, data_sets or DataSets()
    train, test = _loaded(study.dataset, "train", known), _loaded(study.dataset, "test", known)
    shared = sorted(set(train.class_names) & set(test.class_names))
    if shared:
        raise DataError(
            f"The data set {study.dataset.name!r} has {counted(len(shared), 'class')} in both the training and the test"
            f" split, such as {shared[0]!r}. Deep metric learning is evaluated on classes never seen in training: split"
            " by class."
        )
    if len(train.class_names) < 2:
        raise DataError(
            f"The data set {study.dataset.name!r} has only one training class; training needs at least two."
        )
    validation = None
    if study.evaluation.select == "validation":
        train, validation = _hold_out(train, study.evaluation.validation_fraction, run.seed)
    if study.evaluation.max_images is not None:
        test = _first_classes(test, study.evaluation.max_images)
        validation = validation and _first_classes(validation, study.evaluation.max_images)
    data = Data(train, validation, test)
    for name, images in data.splits().items():
        if name != "train":
            _refuse_unmeasurable(study.dataset, name, images)
    return data


def _refuse_unmeasurable(dataset: DatasetConfig, split: str, images: LabelledImages) -> None:
    """Raise DataError for images that no evaluator can measure: of one class, or with one image of each class."""
    if len(images.class_names) < 2:
        raise DataError(
            f"The data set {dataset.name!r} has only one {split} class, {images.class_names[0]!r}; evaluation needs at"
            " least two."
        )
    if len(images.class_names) == len(images.labels):
        drop = "set dataset.min_images = 2 to drop such classes" if hasattr(dataset, "min_images") else "drop them"
        raise DataError(
            f"Every {split} class of the data set {dataset.name!r} has only one image, such as"
            f" {images.class_names[0]!r}: no image has another one of its class to retrieve.",
            f"Add images to these classes, or {drop} before the split.",
        )


def refuse_changes(run: Run, data_sets: DataSets, when: str) -> None:
    """Raise DataError if the files of a run, as `data_sets` has them, are not those that it was loaded with."""
    again = "Run the same command again: it starts from the files as they are then."
    if run.unreadable:
        raise DataError(f"The files of {run.name} could not be read when the command started: {run.unreadable}", again)
    if run.contents is None:
        return
    now = data_sets.contents(run.study)
    if now != run.contents:
        raise DataError(f"The files of {run.name} changed {when}: {what_changed(run.contents, now)}.", again)


def _loaded(dataset: DatasetConfig, split: Split, data_sets: DataSets) -> LabelledImages:
    images = data_sets.images(dataset, split)
    with faults_of(dataset, "load"):
        labels, class_names = np.asarray(images.labels), images.class_names
    if labels.ndim != 1 or labels.dtype != np.int64 or len(labels) == 0:
        raise DataError(
            f"The {split} labels of the {named(dataset)} must be a non-empty (N,) array of int64, not {labels.dtype}"
            f" {labels.shape}."
        )
    if not np.array_equal(np.unique(labels), np.arange(len(class_names))):
        raise DataError(
            f"The {split} labels of the {named(dataset)} must be indices into class_names, and each class must have an"
            f" image. Got {len(class_names)} names and {len(np.unique(labels))} labels from {labels.min()} to"
            f" {labels.max()}."
        )
    if not_text := [name for name in class_names if not is_text(name)]:
        raise DataError(
            f"The {split} class names of the {named(dataset)} must be text that UTF-8 can encode. Got {not_text[0]!r}."
        )
    return _OfDataset(images, dataset, labels, class_names)


def _hold_out(images: LabelledImages, fraction: float, seed: int) -> tuple[LabelledImages, LabelledImages]:
    """Split the training classes: the larger part to train on, the other held out."""
    count = len(images.class_names)
    held = max(2, round(count * fraction))
    if count - held < 2:
        raise StudyError(
            f"{count} training classes are too few to hold out {held} for validation and train on at least two."
            ' Use evaluation.select = "last" or a smaller evaluation.validation_fraction.'
        )
    order = generator(seed, "validation classes").permutation(count)
    return of_classes(images, np.sort(order[held:])), of_classes(images, np.sort(order[:held]))


def _first_classes(images: LabelledImages, most: int) -> LabelledImages:
    """Return at most this number of images, from as few of the first classes as have them but at least two."""
    counts = np.bincount(images.labels)
    classes = max(2, int(np.searchsorted(np.cumsum(counts), most)) + 1)
    chosen = of_classes(images, np.arange(min(classes, len(counts))))
    count = min(most, len(chosen.labels))
    rows = np.arange(count) * len(chosen.labels) // count
    return Subset(chosen.images, chosen.indices[rows], chosen.labels[rows], chosen.class_names)


def some_of_each_class(images: LabelledImages, most: int, chance: np.random.Generator) -> Subset:
    """Return all classes with at most this number of images, drawn at random, in the order of the split."""
    labels = np.asarray(images.labels)
    order = chance.permutation(len(labels))
    grouped = order[np.argsort(labels[order], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[grouped], prepend=-1))
    rank = np.arange(len(labels)) - np.repeat(starts, np.bincount(labels))
    indices = np.sort(grouped[rank < most])
    return Subset(images, indices, labels[indices], images.class_names)


def of_classes(images: LabelledImages, classes: np.ndarray) -> Subset:
    """Return the images of some classes, given by their labels in rising order."""
    indices = np.flatnonzero(np.isin(images.labels, classes))
    labels = np.searchsorted(classes, np.asarray(images.labels)[indices]).astype(np.int64)
    return Subset(images, indices, labels, [images.class_names[c] for c in classes])
