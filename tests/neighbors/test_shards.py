"""Shards of several processes add up to the ranking of one."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from dmlcore.neighbors import Shard, merge, rank, rank_shard
from neighbors.test_search import assert_same, clustered


def shards(count: int, *data: Any, **options: Any) -> list[Shard]:
    return [rank_shard(number, count, *data, **options) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 20])
@pytest.mark.parametrize("first_pass", ["bfloat16", "float32", "float64"])
def test_shards_add_up(count: int, first_pass: Any) -> None:
    """With classes large enough to be ranked densely beside those that are swept, and more shards than tiles."""
    data = clustered(0, count=900, classes=90, dim=12)
    parts = shards(count, *data, first_pass=first_pass, block_size=256)
    assert_same(merge(parts), rank(*data))
    assert_same(merge(parts[::-1]), rank(*data))


@pytest.mark.parametrize("count", [2, 3])
def test_with_a_gallery(count: int) -> None:
    vectors, labels = clustered(1, count=600, classes=60, dim=12)
    data = (vectors[:200], labels[:200], vectors[200:], labels[200:])
    assert_same(merge(shards(count, *data, block_size=64)), rank(*data))


def test_shards_share_the_work() -> None:
    data = clustered(2, count=600, classes=60)
    steps: list[int] = []
    for number in range(3):
        rank_shard(number, 3, *data, block_size=64, progress=lambda done, total: steps.append(done == total))
    total: list[int] = []
    rank(*data, block_size=64, progress=lambda done, _: total.append(done))
    assert len(steps) == len(total)
    assert sum(steps) == 3


def test_shards_can_be_sent() -> None:
    data = clustered(3, count=200)
    assert_same(merge(pickle.loads(pickle.dumps(shards(2, *data)))), rank(*data))


@pytest.mark.parametrize(
    ("numbers", "given"),
    [([], "none"), ([0], "0 of 2"), ([0, 0], "0 of 2, 0 of 2"), ([1, 0, 1], "1 of 2, 0 of 2, 1 of 2")],
)
def test_shards_must_be_all(numbers: list[int], given: str) -> None:
    parts = shards(2, *clustered(4, count=60))
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole message is compared
        merge([parts[number] for number in numbers])
    assert str(caught.value) == f"shards must be all of one ranking, each once, from 0 on, not {given}"


def test_shards_must_be_of_one_ranking() -> None:
    vectors, labels = clustered(5, count=60)
    one, other = shards(2, vectors, labels), shards(2, vectors, np.roll(labels, 1))
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole message is compared
        merge([one[0], other[1]])
    assert str(caught.value) == "shards 0 of 2 and 1 of 2 are of different vectors or labels"


@pytest.mark.parametrize(("number", "count"), [(2, 2), (-1, 2), (0, 0), (True, 2), (0.0, 2)])
def test_a_number_that_is_none_is_refused(number: Any, count: Any) -> None:
    with pytest.raises(ValueError, match=f"number must be .* not {number!r} of {count!r}"):
        rank_shard(number, count, *clustered(6, count=60))
