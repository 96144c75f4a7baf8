"""Each check of a data set fails where its promise is broken; data sets with their files here pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import frozen
from PIL import Image

from dmlcore import Archive, DataError, DatasetConfig, Source, StudyError, Way
from dmlcore.testing.another_process import AnotherProcess
from dmlcore.testing.checks import outcomes
from dmlcore.testing.datasets import CHECKS
from dmlcore_plugins.datasets.cub200 import Cub200
from dmlcore_plugins.datasets.image_folder import ImageFolder
from plugins.datasets.archives import make_cub
from testing.failing import component_of, failure_of, outcome_of


@frozen(eq=False)
class Images:
    """Grey images, brighter in each class; `mode` and `unsteady` are how they go wrong."""

    labels: Any
    class_names: Any
    mode: str = "RGB"
    unsteady: bool = False
    held: Any = None

    def image(self, index: int) -> Image.Image:
        level = np.random.default_rng().integers(256) if self.unsteady else 40 * int(self.labels[index])
        return Image.new("RGB", (8, 8), (int(level), 0, 0)).convert(self.mode)


@frozen(eq=False)
class Shy(Images):
    """Forgets its labels when it is pickled."""

    def __reduce__(self) -> Any:
        return Images, (self.labels * 0, self.class_names)


LABELS = np.array([0, 0, 1, 1], np.int64)


def dataset(labels: Any = LABELS, names: Any = ("a", "b"), cls: type[Images] = Images, **members: Any) -> Any:
    """A data set whose split "test" has the names with a prime."""
    options = {key: members.pop(key) for key in ("mode", "unsteady", "held") if key in members}

    def load(self: Any, split: str) -> Images:
        chosen = names if split == "train" or callable(names) else tuple(f"{name}'" for name in names)
        return cls(labels, names() if callable(names) else chosen, **options)

    return component_of(DatasetConfig, load=load, **members)


def raising(error: Exception) -> Any:
    def load(self: Any, split: str) -> Images:
        raise error

    return component_of(DatasetConfig, load=load)


def source(self: Any) -> Source:
    return Source("Greys", Path("data"), None, [Way("Get it", [Archive("greys.zip")])])


BROKEN: list[tuple[str, Any, str, str]] = [
    (
        "builds",
        raising(StudyError("Set dataset.root.")),
        "StudyError: Set dataset.root.",
    ),
    ("builds", raising(DataError("It is gone.")), "DataError('It is gone.')"),
    (
        "labels_are_numbers_of_classes",
        dataset(np.array([0.0, 1.0])),
        "float64 (2,)",
    ),
    (
        "labels_are_numbers_of_classes",
        dataset(np.array([1, 1, 2])),
        "2 different labels from 1 to 2",
    ),
    (
        "labels_are_numbers_of_classes",
        dataset(names=("a", "a")),
        "for each class to train",
    ),
    (
        "splits_share_no_class",
        dataset(names=lambda: ("a", "b")),
        "2 in both, such as 'a'",
    ),
    ("images_are_rgb", dataset(mode="L"), "mode L"),
    ("images_are_rgb", dataset(unsteady=True), "the same train image 0 each time"),
    (
        "images_reach_worker_processes",
        dataset(cls=Shy),
        "40, then 0",
    ),
    (
        "contents_name_the_files",
        dataset(contents=lambda self, images: {"a.png": Path("/gone/a.png")}),
        "got       /gone/a.png",
    ),
    (
        "contents_name_the_files",
        dataset(contents=lambda self, images: {"/here/a.png": Path("/")}),
        "'/here/a.png': PosixPath('/')",
    ),
    (
        "contents_name_the_files",
        dataset(contents=lambda self, images: {"a.png": 3}),
        "'a.png': 3",
    ),
    (
        "source_can_be_fetched",
        dataset(source=source),
        "got       none",
    ),
    ("source_can_be_fetched", dataset(source=lambda self: "a place"), "<class 'str'>"),
]


@pytest.mark.parametrize(("check", "component", "words"), BROKEN)
def test_a_broken_promise_is_told(check: str, component: Any, words: str) -> None:
    assert words in failure_of(component, check)


def test_what_can_not_be_pickled_is_told() -> None:
    message = failure_of(dataset(held=lambda: 0), "images_reach_worker_processes")
    assert "pickled" in message
    assert "lambda" in message


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}


def test_missing_files_with_a_remedy_are_all_right() -> None:
    missing = raising(DataError("It is gone.", "Get it: dmlcore data fetch it"))
    assert outcome_of(missing, "builds").status == "passed"
    outcome = outcome_of(missing, "images_are_rgb")
    assert (outcome.status, outcome.reason) == ("not applicable", "its files are missing: It is gone.")


def test_built_in_data_sets_with_their_files(tmp_path: Path) -> None:
    for label in range(4):
        folder = tmp_path / "photos" / f"class {label}"
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8), (60 * label, 0, 0)).save(folder / "0.png")
    components = (ImageFolder(root=tmp_path / "photos"), Cub200(root=make_cub(tmp_path / "cub")))
    elsewhere = AnotherProcess(components)
    for component in components:
        ends = list(outcomes(component, elsewhere))
        assert [outcome for outcome in ends if outcome.status == "failed"] == []
        assert {o.check.name for o in ends if o.status == "not applicable"} <= {"source_can_be_fetched"}
