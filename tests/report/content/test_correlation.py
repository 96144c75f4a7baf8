"""Rank correlation against scipy's, and its exact p."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dmlcore.report.content.correlation import RankCorrelation, rank_correlation


@pytest.mark.parametrize("count", [5, 8, 12])
def test_rho_is_spearmans(count: int) -> None:
    generator = np.random.default_rng(count)
    x, y = generator.integers(0, 6, count).astype(float), generator.normal(size=count)
    found = rank_correlation(list(x), list(y))
    assert found is not None
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic)
    if count > 8:
        assert found.p == pytest.approx(stats.spearmanr(x, y).pvalue)


def test_p_counts_all_orders() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 90]) == RankCorrelation(pytest.approx(1), pytest.approx(2 / 24))
    assert rank_correlation([1, 2, 3], [3, 2, 1]) == RankCorrelation(pytest.approx(-1), pytest.approx(1 / 3))


def test_two_points_and_equal_values_have_no_order() -> None:
    assert rank_correlation([1, 2], [1, 2]) is None
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_a_perfect_order_of_many_points_is_no_chance() -> None:
    assert rank_correlation(range(20), range(20)) == RankCorrelation(1.0, 0.0)
