"""Whether one quantity orders the points of a study as another does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

EXACT = 8
"""Up to this many points, p counts all orders: 8! = 40,320."""


@frozen
class RankCorrelation:
    """Spearman's ρ of n points, and the two-sided p-value of a ρ at least as strong by chance."""

    rho: float
    p: float


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> RankCorrelation | None:
    """Return Spearman's rank correlation; None below three points or if all values of one side are equal.

    Ties share their mean rank. p counts all orders of up to EXACT points; beyond, it is that of
    t = ρ √((n − 2)/(1 − ρ²)).
    """
    from scipy import stats  # half a second, which reports without a correlation don't need

    count = len(x)
    if count < 3 or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    found = stats.spearmanr(x, y)
    rho, p = round(float(found.statistic), 12), float(found.pvalue)  # rounded: equal orders get equal numbers
    if count <= EXACT:
        first, second = (stats.rankdata(values) - (count + 1) / 2 for values in (x, y))
        orders = stats.permutation_test(
            (first,),
            lambda order, axis: np.abs(np.sum(order * second, axis=axis)),
            permutation_type="pairings",
            alternative="greater",
            n_resamples=np.inf,
            vectorized=True,
        )
        p = float(orders.pvalue)
    return RankCorrelation(rho, p)
