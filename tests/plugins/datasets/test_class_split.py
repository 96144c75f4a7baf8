from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlcore import DataError, StudyError
from dmlcore_plugins.datasets.class_split import split_first, split_named, split_random

names = st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=40, unique=True)
fractions = st.floats(0.26, 0.74)
seeds = st.integers(0, 2**32)


@given(names, fractions, seeds)
def test_each_class_is_in_one_part_and_the_order_is_kept(classes: list[str], fraction: float, seed: int) -> None:
    for parts in (split_first(classes, fraction), split_random(classes, fraction, seed)):
        assert not set(parts["train"]) & set(parts["test"])
        assert sorted(parts["train"] + parts["test"]) == sorted(classes)
        assert all(part == sorted(part, key=classes.index) for part in parts.values())
        assert len(parts["test"]) == round(fraction * len(classes))


@given(names, fractions)
def test_first_puts_the_training_classes_before_the_test_classes(classes: list[str], fraction: float) -> None:
    parts = split_first(classes, fraction)
    assert parts["train"] + parts["test"] == classes


@given(names, fractions, seeds)
def test_random_is_the_same_for_the_same_seed(classes: list[str], fraction: float, seed: int) -> None:
    assert split_random(classes, fraction, seed) == split_random(classes, fraction, seed)


def test_random_differs_between_seeds_and_draws_every_class_alike() -> None:
    classes = [f"{i}" for i in range(10)]
    drawn = [split_random(classes, 0.3, seed)["test"] for seed in range(2000)]
    assert len({tuple(tests) for tests in drawn}) == 120  # 10 over 3
    for name in classes:
        assert sum(name in tests for tests in drawn) == pytest.approx(600, abs=90)


@given(names, st.data())
def test_named_classes_train_in_the_order_of_the_classes(classes: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(classes), min_size=1, max_size=len(classes) - 1, unique=True))
    parts = split_named(classes, chosen)
    assert parts["train"] == [name for name in classes if name in chosen]
    assert parts["test"] == [name for name in classes if name not in chosen]


@pytest.mark.parametrize(("fraction", "part"), [(0.05, "test"), (0.95, "training")])
def test_a_part_without_a_class_is_refused(fraction: float, part: str) -> None:
    for split in (lambda: split_first("abcde", fraction), lambda: split_random("abcde", fraction, 0)):
        with pytest.raises(DataError) as refused:
            split()
        assert f"dataset.test_fraction = {fraction} leaves no {part} class" in str(refused.value)


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(StudyError) as refused:
        split_named(["robin", "wren", "swift"], ["robin", "wrem", "crow"])
    said = str(refused.value)
    assert said.startswith("dataset.train_classes: ")
    assert "'wrem' (and 1 more" in said
    assert said.endswith("Did you mean 'wren'?")


def test_naming_every_class_is_refused() -> None:
    with pytest.raises(StudyError) as refused:
        split_named(["robin", "wren"], ["wren", "robin"])
    assert "dataset.train_classes names every class" in str(refused.value)
