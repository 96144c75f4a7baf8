"""The metrics on a ranking that is known, and what they refuse."""

from __future__ import annotations

import doctest
import importlib
from typing import Any

import numpy as np
import pytest

from dmlcore.neighbors import PerQuery, Ranking


def known(first: list[int], relevant: list[int], candidates: int = 10) -> Ranking:
    share = np.array([0.25, 0.5, np.nan, 1.0])
    scores = PerQuery(np.array(first), share, share / 2)
    best = PerQuery(np.sign(np.array(first)), share * 0 + 1, share * 0 + 1)
    return Ranking(np.array(relevant), candidates, scores, best)


def test_means_leave_lone_queries_out() -> None:
    ranking = known([3, 2, 0, 1], [4, 2, 0, 1])
    assert ranking.lone_queries == 1
    assert [ranking.recall_at(k) for k in (1, 2, 3, 10)] == [1 / 3, 2 / 3, 1, 1]
    assert ranking.r_precision() == pytest.approx(1.75 / 3)
    assert ranking.map_at_r() == pytest.approx(1.75 / 6)
    assert ranking.mrr() == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)
    for metric in (ranking.r_precision, ranking.map_at_r, ranking.mrr):
        assert metric(ties="optimistic") == 1
    assert ranking.recall_at(1, ties="optimistic") == 1


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, "K .* ≥ 1, not 0"),
        (-3, "K .* ≥ 1, not -3"),
        (1.0, r"K .* ≥ 1, not 1\.0"),
        (True, "K .* ≥ 1, not True"),
        (11, "Recall@11 .* 10 items: .* K ≤ 10"),
    ],
)
def test_a_k_without_meaning_is_refused(k: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        known([3, 2, 0, 1], [4, 2, 0, 1]).recall_at(k)


def test_numpy_integers_are_whole_numbers() -> None:
    assert known([3, 2, 0, 1], [4, 2, 0, 1]).recall_at(np.int64(2)) == 2 / 3


def test_an_unknown_rule_for_ties_is_refused() -> None:
    ranking: Any = known([3, 2, 0, 1], [4, 2, 0, 1])
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole message is compared
        ranking.map_at_r(ties="random")
    assert str(caught.value) == "ties must be 'pessimistic' or 'optimistic', not 'random'"


@pytest.mark.parametrize(
    ("module", "examples"), [("ranking", 11), ("search", 3), ("shards", 3), ("agreement", 3), ("kmeans", 2)]
)
def test_the_examples_of_the_docstrings(module: str, examples: int) -> None:
    outcome = doctest.testmod(importlib.import_module(f"dmlcore.neighbors.{module}"))
    assert outcome.failed == 0
    assert outcome.attempted >= examples


def test_metrics_from_counts() -> None:
    """By hand: R = 3, 0 and 2, with 1, 0, 2 and 4, 0 items of other classes before each of the own."""
    scores = PerQuery.of(np.array([1, 0, 2, 4, 0]), np.array([3, 0, 2]))
    assert scores.first.tolist() == [2, 0, 5]
    np.testing.assert_array_equal(scores.r_precision, [2 / 3, np.nan, 0])
    np.testing.assert_allclose(scores.map_at_r, [(1 / 2 + 2 / 3) / 3, np.nan, 0])
