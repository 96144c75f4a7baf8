"""The laws of class-balanced batches."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from dmlcore import SamplerContext, StudyError
from dmlcore_plugins.samplers.m_per_class import MPerClass

Batches = list[list[int]]


@frozen
class Case:
    """Classes of given sizes, in a shuffled order, and a batch that can be made of them."""

    sizes: tuple[int, ...]
    samples: int
    classes: int
    """Classes in a batch."""
    batches: int
    seed: int

    @property
    def labels(self) -> np.ndarray:
        labels = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return np.random.default_rng(self.seed).permutation(labels)

    def run(self, **options: Any) -> Batches:
        config = MPerClass(samples_per_class=self.samples, batches_per_epoch=self.batches, **options)
        return made(config, self.labels, self.classes * self.samples, self.seed)


def made(config: MPerClass, labels: np.ndarray, batch_size: int, seed: int = 0) -> Batches:
    context = SamplerContext(labels, batch_size, 1, np.random.default_rng(seed))
    return [list(batch) for batch in config.build(context)]


@st.composite
def cases(draw: st.DrawFn, smallest: int | None = None) -> Case:
    samples = draw(st.integers(1, 5))
    sizes = draw(st.lists(st.integers(smallest or samples, 12), min_size=1, max_size=8))
    classes = draw(st.integers(1, len(sizes)))
    return Case(tuple(sizes), samples, classes, draw(st.integers(1, 25)), draw(st.integers(0, 2**32)))


@given(cases())
def test_a_batch_has_each_of_its_classes_equally_and_no_image_twice(case: Case) -> None:
    labels, epoch = case.labels, case.run()
    assert len(epoch) == case.batches
    for batch in epoch:
        assert all(type(index) is int for index in batch)
        assert len(set(batch)) == len(batch)
        counts = Counter(labels[batch].tolist())
        assert len(counts) == case.classes
        assert set(counts.values()) == {case.samples}


@given(cases())
def test_classes_take_turns(case: Case) -> None:
    """At every moment of the epoch, not only at its end."""
    labels = case.labels
    drawn = Counter(dict.fromkeys(range(len(case.sizes)), 0))
    for batch in case.run():
        drawn.update(set(labels[batch].tolist()))
        assert max(drawn.values()) - min(drawn.values()) <= 1


@given(cases())
def test_images_of_a_class_take_turns(case: Case) -> None:
    labels = case.labels
    drawn = Counter(dict.fromkeys(range(len(labels)), 0))
    for batch in case.run():
        drawn.update(batch)
        for label in range(len(case.sizes)):
            counts = [drawn[int(index)] for index in np.flatnonzero(labels == label)]
            assert max(counts) - min(counts) <= 1


@given(cases(smallest=1))
def test_small_classes_repeat_their_images_as_little_as_can_be(case: Case) -> None:
    labels = case.labels
    for batch in case.run(allow_repeats=True):
        assert set(Counter(labels[batch].tolist()).values()) == {case.samples}
        for index, count in Counter(batch).items():
            assert count <= -(-case.samples // case.sizes[labels[index]])


@given(cases())
def test_the_seed_decides_and_nothing_else(case: Case) -> None:
    states = random.getstate(), np.random.get_state()[1].tolist()
    assert case.run() == case.run()
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]


def test_epochs_differ() -> None:
    labels = np.repeat(np.arange(10), 10)
    epochs = [made(MPerClass(), labels, 25, seed) for seed in range(5)]
    assert len({str(epoch) for epoch in epochs}) == 5


def test_all_classes_meet_each_other_equally_often() -> None:
    """The end of one round and the start of the next share a batch; that binds no classes together."""
    labels = np.repeat(np.arange(7), 2)
    config = MPerClass(samples_per_class=1, batches_per_epoch=14_000)
    together = np.zeros((7, 7))
    for batch in made(config, labels, 3):
        together[np.ix_(labels[batch], labels[batch])] += 1
    pairs = together[~np.eye(7, dtype=bool)]
    assert pairs == pytest.approx(14_000 * 3 * 2 / (7 * 6), rel=0.1)


@pytest.mark.parametrize(
    ("sizes", "batch_size", "samples", "least"),
    [
        ([60] * 100, 100, 5, 1.0),
        ([58, 59, 60] * 33, 100, 5, 0.95),
        ([30] * 200, 100, 5, 1.0),
        ([30] * 200, 100, 4, 0.95),
        ([82] * 98, 80, 2, 0.98),
    ],
)
def test_an_epoch_of_equal_classes_visits_nearly_all_images(
    sizes: list[int], batch_size: int, samples: int, least: float
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    epoch = made(MPerClass(samples_per_class=samples), labels, batch_size)
    assert len(epoch) == len(labels) // batch_size
    assert len({index for batch in epoch for index in batch}) / len(labels) >= least


@pytest.mark.parametrize("seed", range(3))
def test_coverage_is_the_most_that_balance_allows(seed: int) -> None:
    """A class drawn t times can show t · K images, and no more than it has."""
    sizes = np.random.default_rng(seed).integers(5, 80, 30)
    labels = np.repeat(np.arange(30), sizes)
    epoch = made(MPerClass(), labels, 50, seed)
    draws = Counter(label for batch in epoch for label in set(labels[batch].tolist()))
    most = sum(min(5 * draws[label], size) for label, size in enumerate(sizes))
    assert len({index for batch in epoch for index in batch}) == most


def test_an_epoch_has_at_least_one_batch() -> None:
    assert len(made(MPerClass(allow_repeats=True), np.array([0, 0, 1]), 10)) == 1


def test_labels_need_not_be_consecutive() -> None:
    labels = np.array([7, 3, 7, 3, 7, 3])
    (batch,) = made(MPerClass(samples_per_class=2), labels, 4)
    assert sorted(labels[batch]) == [3, 3, 7, 7]


@pytest.mark.parametrize(
    ("batch_size", "problem", "cure"),
    [
        (98, "is not a multiple of 5", ""),
        (3, "is not a multiple of 5", ""),
        (
            150,
            "needs 30 classes, but the training images have 20",
            " To use all classes in smaller batches, set sampler.fewer_classes = true.",
        ),
    ],
)
def test_a_batch_size_that_does_not_fit_is_refused(batch_size: int, problem: str, cure: str) -> None:
    """Which sizes work is for `dmlcore check` to say, since the loss decides it, too."""
    labels = np.repeat(np.arange(20), 6)
    with pytest.raises(StudyError) as caught:
        MPerClass(samples_per_class=5).build(SamplerContext(labels, batch_size, 1, np.random.default_rng(0)))
    assert str(caught.value) == (
        f"training.batch_size = {batch_size} {problem}: a batch has 5 images (sampler.samples_per_class) of each of its"
        f" classes. Use another batch size, or another samples_per_class.{cure}"
    )


@given(cases(), st.integers(1, 20))
def test_fewer_classes_make_smaller_batches_of_all(case: Case, more: int) -> None:
    """Where there are enough classes, the option changes nothing."""
    assert case.run(fewer_classes=True) == case.run()
    labels, samples = case.labels, case.samples
    batch_size = (len(case.sizes) + more) * samples
    config = MPerClass(samples_per_class=samples, fewer_classes=True)
    epoch = made(config, labels, batch_size, case.seed)
    assert len(epoch) == max(1, len(labels) // (len(case.sizes) * samples))
    assert all(Counter(labels[batch].tolist()) == dict.fromkeys(range(len(case.sizes)), samples) for batch in epoch)


def test_too_few_classes_for_a_batch_are_refused_with_the_options_that_help() -> None:
    labels = np.repeat(np.arange(12), 5)
    with pytest.raises(StudyError) as caught:
        made(MPerClass(samples_per_class=4), labels, 60)
    assert str(caught.value) == (
        "training.batch_size = 60 needs 15 classes, but the training images have 12: a batch has 4 images"
        " (sampler.samples_per_class) of each of its classes. Use another batch size, or another samples_per_class."
        " To use all classes in smaller batches, set sampler.fewer_classes = true."
    )


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            [5, 3, 8, 2],
            "2 of 4 classes have fewer images than sampler.samples_per_class = 5: class 1 (3), class 3 (2). Lower it "
            "to 2, or set sampler.allow_repeats = true",
        ),
        (
            [1, 4, 4, 4, 4, 4, 4, 9],
            "7 of 8 classes have fewer images than sampler.samples_per_class = 5: class 0 (1), class 1 (4), class 2 "
            "(4), class 3 (4), class 4 (4), and 2 more. Set sampler.allow_repeats = true",
        ),
    ],
)
def test_classes_with_too_few_images_are_named(sizes: list[int], message: str) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    with pytest.raises(StudyError) as caught:
        MPerClass().build(SamplerContext(labels, 10, 1, np.random.default_rng(0)))
    assert str(caught.value).startswith(message)


def test_small_classes_have_their_names_where_they_are_known() -> None:
    labels, names = np.array([0, 0, 0, 1, 2, 2, 2]), ("Jay", "Owl", "Wren")
    context = SamplerContext(labels, 6, 1, np.random.default_rng(0), class_names=names)
    with pytest.raises(StudyError) as caught:
        MPerClass(samples_per_class=3).build(context)
    assert str(caught.value) == (
        "1 of 3 classes have fewer images than sampler.samples_per_class = 3: Owl (1). Set sampler.allow_repeats = true"
        " to repeat images in a batch. With the data set image_folder, dataset.min_images = 3 drops these classes."
    )
