"""Checks of data sets."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import get_args

import numpy as np
from PIL.Image import Image

from dmlcore.api.components import DatasetConfig
from dmlcore.api.sources import Source
from dmlcore.api.values import LabelledImages, Split
from dmlcore.errors import DataError, StudyError
from dmlcore.testing.checking import ContractError, NotApplicable, applies_if, checks_in, demand, refusals
from dmlcore.testing.numbers import Numbers, demand_same

SPLITS: tuple[Split, ...] = get_args(Split)


def numbers(component: DatasetConfig) -> Numbers:
    """The labels, and the pixels of a few images."""
    found: dict[str, np.ndarray] = {}
    for split, images in _splits(component):
        found[f"labels to {split}"] = np.asarray(images.labels)
        found |= {f"pixels of {split} image {i}": np.asarray(images.image(i)) for i in _some(images)}
    return found


def builds(component: DatasetConfig) -> None:
    """Both splits load, or a DataError says what is missing and, in `remedy`, how to get it."""
    try:
        with refusals(StudyError):
            for split in SPLITS:
                component.load(split)
    except DataError as error:
        if not error.remedy:
            raise ContractError(
                "a DataError with a remedy",
                f"DataError({error.problem!r})",
                'Add what to do as second argument: DataError("… was not found.", "Get it: dmlcore data fetch …").',
            ) from None


def labels_are_numbers_of_classes(component: DatasetConfig) -> None:
    """`labels` is (N,) int64, from 0 to C − 1; `class_names` has C unique names, each with an image."""
    for split, images in _splits(component):
        labels, names = images.labels, images.class_names
        if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype != np.int64 or not len(labels):
            got = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else repr(type(labels))
            raise ContractError(
                f"labels (N,) int64 to {split}, one or more", got, "Return np.array(labels, dtype=np.int64)."
            )
        if not np.array_equal(np.unique(labels), np.arange(len(names))):
            raise ContractError(
                f"labels to {split} from 0 to {len(names) - 1}, as there are {len(names)} class_names",
                f"{len(np.unique(labels))} different labels from {labels.min()} to {labels.max()}",
                "Number the classes of each split from 0, and name only classes with an image.",
            )
        demand(
            len(set(names)) >= len(names) and all(isinstance(name, str) for name in names),
            f"a unique name for each class to {split}",
            f"{len(set(names))} unique names of {len(names)}",
            "Make the names unique, for example by the folder.",
        )


def splits_share_no_class(component: DatasetConfig) -> None:
    """Training and test classes are disjoint."""
    train, test = (set(images.class_names) for _, images in _splits(component))
    if train & test:
        raise ContractError(
            "disjoint training and test classes",
            f"{len(train & test)} in both, such as {min(train & test)!r}",
            "Split the classes, not the images: test classes must be unseen.",
        )


def images_are_rgb(component: DatasetConfig) -> None:
    """`image(index)` is a PIL image in RGB, and the same each time."""
    for split, images in _splits(component):
        for index in _some(images):
            image = images.image(index)
            if not isinstance(image, Image) or image.mode != "RGB":
                found = f"mode {image.mode}" if isinstance(image, Image) else repr(type(image))
                raise ContractError(
                    f"{split} image {index} as a PIL image in RGB",
                    found,
                    "Read it by dmlcore.read_rgb(path), or call image.convert('RGB').",
                )
            demand(
                image.tobytes() == images.image(index).tobytes(),
                f"the same {split} image {index} each time",
                "another image the second time",
                "Do not augment images: the study's transforms do.",
            )


def images_reach_worker_processes(component: DatasetConfig) -> None:
    """The result of `load` can be pickled, and returns the same images afterwards."""
    for split, images in _splits(component):
        try:
            copy = pickle.loads(pickle.dumps(images))
        except (Exception, SystemExit) as error:
            raise ContractError(
                f"{split} images that can be pickled",
                f"{type(error).__name__}: {error}",
                "Store paths and numbers, not open files or lambdas; open files in `image`.",
            ) from None
        demand_same(
            {f"{split} image {i}": np.asarray(images.image(i)) for i in _some(images)},
            {f"{split} image {i}": np.asarray(copy.image(i)) for i in _some(images)},
            when="after pickling",
            remedy="Include everything that `image` needs in the pickled state.",
        )


def contents_name_the_files(component: DatasetConfig) -> None:
    """`contents` maps names to existing files, folders or texts, and names do not depend on the location."""
    for split, images in _splits(component):
        contents = component.contents(images)
        for name, value in contents.items():
            if isinstance(value, Path):
                demand(value.exists(), f"an existing file as {name!r} of {split}", str(value), "Return existing files.")
            demand(
                isinstance(name, str) and isinstance(value, Path | str),
                f"a text as name, and a pathlib.Path or a text as value, in the contents of {split}",
                f"{name!r}: {value!r}",
                "Return a mapping of names to files.",
            )
            demand(
                not PurePath(name).is_absolute() and value != name,
                f"names relative to the data set, and files as pathlib.Path, in the contents of {split}",
                f"{name!r}: {value!r}",
                "Name files as in a copy of the data set elsewhere; a text value is taken as content, not as a path.",
            )


@applies_if(lambda dataset: dataset.source() is not None, "it has no source")
def source_can_be_fetched(component: DatasetConfig) -> None:
    """`source` returns a Source, and the data set has an option `root` for the folder of its files."""
    source = component.source()
    demand(isinstance(source, Source), "a dmlcore.Source", repr(type(source)), "Return Source(…), or None.")
    demand(
        hasattr(component, "root"),
        "an option `root`, since there is a source",
        "none",
        "Add root: Path = option(…, identity=False), the folder with the files.",
    )


CHECKS = checks_in(__name__)


def _splits(component: DatasetConfig) -> Iterator[tuple[Split, LabelledImages]]:
    """Both splits. Raises NotApplicable if the files are missing."""
    for split in SPLITS:
        try:
            images = component.load(split)
        except DataError as error:
            raise NotApplicable(f"its files are missing: {error.problem}") from None
        yield split, images


def _some(images: LabelledImages) -> list[int]:
    """The first image, the last, and some between."""
    return sorted(set(np.linspace(0, len(images.labels) - 1, 4).astype(int).tolist()))
