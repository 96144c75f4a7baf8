"""What a data set must do."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import get_args

import numpy as np
from PIL.Image import Image

from dmlcore.api.components import DatasetConfig
from dmlcore.api.sources import Source
from dmlcore.api.values import LabelledImages, Split
from dmlcore.errors import DataError, StudyError
from dmlcore.testing.checking import ContractError, NotApplicable, refused
from dmlcore.testing.numbers import Numbers, demand_same

SPLITS: tuple[Split, ...] = get_args(Split)


def numbers(component: DatasetConfig) -> Numbers:
    """The labels, and the pixels of some images."""
    found: dict[str, np.ndarray] = {}
    for split, images in _splits(component):
        found[f"labels to {split}"] = np.asarray(images.labels)
        found |= {f"pixels of {split} image {i}": np.asarray(images.image(i)) for i in _some(images)}
    return found


def builds(component: DatasetConfig) -> None:
    """Both splits can be loaded; or a DataError says what is missing and, as its `remedy`, how to get it."""
    try:
        for split in SPLITS:
            component.load(split)
    except StudyError as error:
        raise refused(error) from error
    except DataError as error:
        if not error.remedy:
            raise ContractError(
                "a DataError with a remedy",
                f"DataError({error.problem!r})",
                'Say what to do as its second argument: DataError("… was not found.", "Get it: dmlcore data fetch …").',
            ) from None


def labels_are_numbers_of_classes(component: DatasetConfig) -> None:
    """`labels` is (N,) int64, from 0 to C − 1; `class_names` has C different names, each with an image."""
    for split, images in _splits(component):
        labels, names = images.labels, images.class_names
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype != np.int64 or not len(labels):
            found = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else repr(type(labels))
            raise ContractError(
                f"labels (N,) int64 to {split}, one or more", found, "Give np.array(labels, dtype=np.int64)."
            )
        if not np.array_equal(np.unique(labels), np.arange(len(names))):
            raise ContractError(
                f"labels to {split} from 0 to {len(names) - 1}, as there are {len(names)} class_names",
                f"{len(np.unique(labels))} different labels from {labels.min()} to {labels.max()}",
                "Number the classes of each split from 0, and name only those with an image.",
            )
        if len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
            raise ContractError(
                f"a name of its own for each class to {split}",
                f"{len(set(names))} different names of {len(names)}",
                "Tell classes of one name apart, by their folder for example.",
            )


def splits_share_no_class(component: DatasetConfig) -> None:
    """No class is both in training and in test."""
    train, test = (set(images.class_names) for _, images in _splits(component))
    if train & test:
        raise ContractError(
            "classes to test that are not trained on",
            f"{len(train & test)} in both, such as {min(train & test)!r}",
            "Divide the classes, not the images: test classes must be unseen.",
        )


def images_are_rgb(component: DatasetConfig) -> None:
    """`image(index)` is an image of PIL in RGB, and the same each time."""
    for split, images in _splits(component):
        for index in _some(images):
            image = images.image(index)
            if not isinstance(image, Image) or image.mode != "RGB":
                found = f"mode {image.mode}" if isinstance(image, Image) else repr(type(image))
                raise ContractError(
                    f"{split} image {index} as an image of PIL in RGB",
                    found,
                    "Read it by dmlcore.read_rgb(path), or call image.convert('RGB').",
                )
            if image.tobytes() != images.image(index).tobytes():
                raise ContractError(
                    f"the same {split} image {index} each time",
                    "another the second time",
                    "Leave augmentation to the study's transforms.",
                )


def images_reach_worker_processes(component: DatasetConfig) -> None:
    """What `load` gives can be pickled, and gives the same images afterwards."""
    for split, images in _splits(component):
        try:
            copy = pickle.loads(pickle.dumps(images))
        except Exception as error:
            raise ContractError(
                f"{split} images that can be pickled",
                f"{type(error).__name__}: {error}",
                "Keep paths and numbers, no open file, no lambda; open the file in `image`.",
            ) from None
        demand_same(
            {f"{split} image {i}": np.asarray(images.image(i)) for i in _some(images)},
            {f"{split} image {i}": np.asarray(copy.image(i)) for i in _some(images)},
            when="after pickling",
            cure="Keep all that `image` needs in what is pickled.",
        )


def source_can_be_fetched(component: DatasetConfig) -> None:
    """`source`, where there is one, is a Source, and the data set has an option `root` for its place."""
    source = component.source()
    if source is None:
        raise NotApplicable("it has no source")
    if not isinstance(source, Source):
        raise ContractError("a dmlcore.Source", repr(type(source)), "Return Source(…), or None.")
    if not hasattr(component, "root"):
        raise ContractError(
            "an option `root`, since there is a source",
            "none",
            "Add root: Path = option(…, identity=False): the folder that the files lie in.",
        )


CHECKS = (
    builds,
    labels_are_numbers_of_classes,
    splits_share_no_class,
    images_are_rgb,
    images_reach_worker_processes,
    source_can_be_fetched,
)


def _splits(component: DatasetConfig) -> Iterator[tuple[Split, LabelledImages]]:
    """Both splits. Raises NotApplicable where their files are not here."""
    for split in SPLITS:
        try:
            images = component.load(split)
        except DataError as error:
            raise NotApplicable(f"its files are not here: {error.problem}") from None
        yield split, images


def _some(images: LabelledImages) -> list[int]:
    """The first image, the last, and some between."""
    return sorted(set(np.linspace(0, len(images.labels) - 1, 4).astype(int).tolist()))
