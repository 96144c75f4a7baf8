"""Counting into the gaps between thresholds, in each of its ways, is as sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmlcore.neighbors.pairing import runs
from dmlcore.neighbors.ranking import PerQuery
from dmlcore.neighbors.thresholds import Thresholds

LEVELS = st.integers(-3, 3).map(float)
QUERIES = st.lists(st.tuples(st.lists(LEVELS, max_size=5), st.lists(LEVELS, max_size=8)), min_size=1, max_size=5)
Queries = list[tuple[list[float], list[float]]]


def thresholds_of(queries: Queries) -> Thresholds:
    values = [value for own, _ in queries for value in sorted(own, reverse=True)]
    return Thresholds.of(np.array(values, np.float64), np.array([len(own) for own, _ in queries]))


def ranks(queries: Queries, *, ties: bool) -> list[list[int]]:
    """The ranks of each query's own items; with `ties` those of other classes that tie stand before them."""
    found = []
    for own, others in queries:
        ordered = sorted(own, reverse=True)
        above = [sum(other >= value if ties else other > value for other in others) for value in ordered]
        found.append([place + before for place, before in enumerate(above, 1)])
    return found


def assert_sorted(thresholds: Thresholds, queries: Queries) -> None:
    for counts, ties in ((thresholds.at_least, True), (thresholds.strictly, False)):
        scores = PerQuery.of(counts, thresholds.relevant)
        expected = ranks(queries, ties=ties)
        assert scores.first.tolist() == [own[0] if own else 0 for own in expected]
        share = [sum(rank <= len(own) for rank in own) / len(own) if own else np.nan for own in expected]
        np.testing.assert_array_equal(scores.r_precision, share)


@settings(max_examples=150, deadline=None)
@given(queries=QUERIES, drop=st.booleans())
def test_one_by_one(queries: Queries, drop: bool) -> None:
    thresholds = thresholds_of(queries)
    for row, (_, others) in enumerate(queries):
        for other in others:
            thresholds.count_exact(np.array([row]), np.array([other]), np.array([1]))
            if drop:
                thresholds.drop(np.array([row]))
    assert_sorted(thresholds, queries)


@settings(max_examples=150, deadline=None)
@given(queries=QUERIES, error=st.sampled_from([0.0, 0.25, 1.5]))
def test_by_similarities_with_an_error(queries: Queries, error: float) -> None:
    """What is left open is then counted exactly; what is not, is settled."""
    thresholds = thresholds_of(queries)
    row = np.repeat(np.arange(len(queries)), [len(others) for _, others in queries])
    other = np.array([value for _, others in queries for value in others])
    ones = np.ones(len(row), np.int64)
    unsettled = thresholds.count(row, other, np.full(len(row), error), ones)
    thresholds.count_exact(row[unsettled], other[unsettled], ones[unsettled])
    thresholds.drop(np.arange(len(queries)))
    assert_sorted(thresholds, queries)


@settings(max_examples=150, deadline=None)
@given(queries=QUERIES)
def test_sorted(queries: Queries) -> None:
    thresholds = thresholds_of(queries)
    for row, (own, others) in enumerate(queries):
        near = np.sort(np.array(others, np.float64))
        before = thresholds.at_least.copy()
        if not thresholds.count_sorted(row, near, 0.5):
            assert set(own) & set(others)
            np.testing.assert_array_equal(thresholds.at_least, before)
            assert thresholds.count_sorted(row, near, 0.0)
    assert_sorted(thresholds, queries)


@settings(max_examples=150, deadline=None)
@given(queries=QUERIES)
def test_thresholds_known_to_be_far_down_are_dropped(queries: Queries) -> None:
    """The (R + 1)-th nearest item of other classes bounds what can matter."""
    thresholds = thresholds_of(queries)
    for row, (own, others) in enumerate(queries):
        if own and len(others) > len(own):
            thresholds.drop_below(np.array([row]), np.array([sorted(others, reverse=True)[len(own)]]))
        thresholds.count_exact(np.full(len(others), row), np.array(others, np.float64), np.ones(len(others), np.int64))
    assert_sorted(thresholds, queries)


def test_limits_and_counts_above_all() -> None:
    thresholds = thresholds_of([([3.0, 1.0], []), ([], []), ([2.0], [])])
    lowest, highest = thresholds.limits(slice(None))
    assert lowest.tolist() == [1, np.inf, 2]
    assert highest.tolist() == [3, np.inf, 2]
    thresholds.count_above_all(np.arange(3), np.array([4, 5, 0]))
    assert PerQuery.of(thresholds.at_least, thresholds.relevant).first.tolist() == [5, 0, 1]


def test_counts_beyond_32_bits() -> None:
    thresholds = thresholds_of([([1.0], [])])
    for _ in range(3):
        thresholds.count_exact(np.array([0]), np.array([2.0]), np.array([2**40]))
    assert PerQuery.of(thresholds.strictly, thresholds.relevant).first.tolist() == [3 * 2**40 + 1]


@given(relevant=st.lists(st.integers(0, 40)), queries=st.integers(1, 30), most=st.integers(0, 200))
def test_runs_of_queries(relevant: list[int], queries: int, most: int) -> None:
    counts = np.array(relevant, np.int64)
    rows = np.flatnonzero(counts)
    parts = list(runs(rows, counts, queries, most))
    assert [row for part in parts for row in part] == rows.tolist()
    for part in parts:
        assert 1 <= len(part) <= queries
        assert len(part) == 1 or counts[part].sum() <= most


@pytest.mark.parametrize(("size", "lengths"), [(2, [10, 10, 5]), (6, [4, 4, 1])])
def test_a_run_is_filled(size: int, lengths: list[int]) -> None:
    count = sum(lengths)
    assert [len(part) for part in runs(np.arange(count), np.full(count, size), 10, 25)] == lengths
