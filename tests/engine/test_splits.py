"""Training, validation and test classes are disjoint, or the run is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dmlcore import DataError, Split, StudyError
from dmlcore.engine.splits import load_data, of_classes
from toys import SquareImages, Squares

VALIDATION = ('evaluation.select="validation"', 'evaluation.metric="nearest/recall_at_1"')


@frozen
class Scans(Squares):
    """A data set that opens its files by Pillow alone."""

    name = "scans"

    def load(self, split: Split) -> Any:
        return Opening(super().load(split))


@frozen(eq=False)
class Opening:
    squares: SquareImages

    @property
    def labels(self) -> np.ndarray:
        return self.squares.labels

    @property
    def class_names(self) -> Any:
        return self.squares.class_names

    def image(self, index: int) -> Image.Image:
        raise Image.DecompressionBombError("Image size (195000000 pixels) exceeds limit of 178956970 pixels")


def test_a_large_scan_in_a_plugin_is_no_fault_of_the_plugin(make_study: Any) -> None:
    run = make_study().runs[0]
    data = load_data(evolve(run, study=evolve(run.study, dataset=Scans())))
    with pytest.raises(DataError) as caught:
        data.train.image(3)
    assert str(caught.value) == (
        "Image 3 of the dataset 'scans': Image size (195000000 pixels) exceeds limit of 178956970 pixels\n"
        "Reduce the image, or have the plugin read it by dmlcore.read_rgb, which reads large scans."
    )


def test_facts_count_and_tell_data_apart(make_study: Any) -> None:
    run = make_study("dataset.classes=6").runs[0]
    facts = load_data(run).facts()
    assert facts | {"digest": ""} == {
        "train_images": 36,
        "train_classes": 6,
        "test_images": 36,
        "test_classes": 6,
        "digest": "",
    }
    other = evolve(run, study=evolve(run.study, dataset=Squares(each=7)))
    assert load_data(other).facts()["digest"] != facts["digest"]


def test_held_out_classes_are_seeded_and_disjoint(make_study: Any) -> None:
    file = make_study(*VALIDATION, "evaluation.validation_fraction=0.4")
    first, second = (load_data(run) for run in file.runs)
    for data in (first, second):
        assert data.validation is not None
        assert len(data.validation.class_names) == 2
        assert sorted([*data.train.class_names, *data.validation.class_names]) == [f"colour {c}" for c in range(6)]
    assert first.facts()["digest"] == load_data(file.runs[0]).facts()["digest"]
    held = {tuple(load_data(evolve(file.runs[0], seed=seed)).validation.class_names) for seed in range(10)}
    assert len(held) > 3


def test_too_few_classes_to_hold_out(make_study: Any) -> None:
    run = make_study(*VALIDATION, "dataset.classes=3").runs[0]
    with pytest.raises(StudyError, match=r"3 training classes .* hold out 2 .* evaluation\.validation_fraction"):
        load_data(run)


def test_a_quick_trial_measures_few_images_of_whole_classes(make_study: Any) -> None:
    data = load_data(make_study("evaluation.max_images=12").runs[0])
    assert len(data.test.labels) == 12
    assert len(data.test.class_names) == 2
    fewer = load_data(make_study("evaluation.max_images=5").runs[0])
    assert len(fewer.test.labels) <= 5
    assert set(fewer.test.labels.tolist()) == {0, 1}
    assert len(load_data(make_study("evaluation.max_images=1000").runs[0]).test.labels) == 36


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([0, 1], ["colour 9", "colour 0"], "1 class in both the training and the test split, such as 'colour 0'"),
        ([0, 2], ["a", "b", "c"], "3 names and 2 labels from 0 to 2"),
        ([0.0, 1.0], ["a", "b"], r"must be a non-empty \(N,\) array of int64, not float64 \(2,\)"),
        ([], [], "must be a non-empty"),
        ([0, 0], ["colour 9"], "has only one test class, 'colour 9'; evaluation needs at least two"),
        (
            [0, 1],
            ["a", "b"],
            "Every test class of the data set 'squares' has only one image, such as 'a': no image has",
        ),
        ([0, 0, 1], ["caf\udce9", "b"], r"must be text that UTF-8 can encode. Got 'caf\\udce9'\."),
    ],
)
def test_data_sets_that_break_the_protocol(
    make_study: Any, monkeypatch: pytest.MonkeyPatch, labels: list[int], names: list[str], message: str
) -> None:
    def load(self: Squares, split: str) -> SquareImages:
        images = SquareImages(0, 6, 6)
        if split == "test":
            images.labels, images.class_names = np.array(labels), names
        return images

    monkeypatch.setattr(Squares, "load", load)
    with pytest.raises(DataError, match=message):
        load_data(make_study().runs[0])


def test_one_training_class_is_nothing_to_learn(make_study: Any) -> None:
    with pytest.raises(DataError, match="only one training class"):
        load_data(make_study("dataset.classes=1").runs[0])


@given(st.sets(st.integers(0, 5), min_size=1))
def test_a_subset_keeps_images_and_counts_labels_anew(classes: set[int]) -> None:
    images = SquareImages(0, 6, 4)
    subset = of_classes(images, np.array(sorted(classes)))
    assert [subset.class_names[label] for label in subset.labels] == [
        images.class_names[label] for label in images.labels if label in classes
    ]
    last = len(subset.labels) - 1
    assert np.array_equal(subset.image(last), images.image(int(subset.indices[last])))
