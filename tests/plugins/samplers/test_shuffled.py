"""Shuffled batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlcore import SamplerContext
from dmlcore_plugins.samplers.shuffled import Shuffled


def batches(count: int, size: int, seed: int = 0, drop_last: bool = True) -> list[list[int]]:
    context = SamplerContext(np.zeros(count, dtype=np.int64), size, 1, np.random.default_rng(seed))
    return [list(batch) for batch in Shuffled(drop_last=drop_last).build(context)]


@given(count=st.integers(1, 60), size=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_every_image_once_but_for_the_rest(count: int, size: int, seed: int) -> None:
    made = batches(count, size, seed)
    flat = [index for batch in made for index in batch]
    assert [len(batch) for batch in made] == [size] * (count // size)
    assert len(set(flat)) == len(flat)
    assert set(flat) <= set(range(count))
    assert all(type(index) is int for index in flat)


@given(count=st.integers(1, 60), size=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_the_rest_may_make_a_smaller_batch(count: int, size: int, seed: int) -> None:
    made = batches(count, size, seed, drop_last=False)
    assert sorted(index for batch in made for index in batch) == list(range(count))
    assert made[: count // size] == batches(count, size, seed)
    assert [len(batch) for batch in made[count // size :]] == ([count % size] if count % size else [])


def test_the_seed_makes_the_order() -> None:
    assert batches(50, 10, seed=1) == batches(50, 10, seed=1)
    assert batches(50, 10, seed=1) != batches(50, 10, seed=2)
    assert batches(50, 50)[0] != list(range(50))


def test_every_image_is_left_out_equally_often() -> None:
    left_out = np.zeros(10)
    for seed in range(2000):
        left_out[list(set(range(10)) - set(batches(10, 9, seed)[0]))] += 1
    assert left_out.sum() == 2000
    assert left_out == pytest.approx(200, abs=60)
