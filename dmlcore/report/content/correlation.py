"""Whether one quantity orders the points of a study as another does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import permutations

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy.special import stdtr

EXACT = 8
"""Up to this many points, p counts all orders: 8! = 40,320."""

CLOSE = 1e-9
"""Correlations that differ by less are equal."""


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
    count = len(x)
    if count < 3 or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    first, second = _ranks(x), _ranks(y)
    rho = round(float(first @ second), 12)  # rounded: equal orders get equal numbers
    if count <= EXACT:
        p = float(np.mean(np.abs(first[_orders(count)] @ second) >= abs(rho) - CLOSE))
    else:
        t = math.sqrt((count - 2) / (1 - rho**2)) * abs(rho) if abs(rho) < 1 else math.inf
        p = float(2 * stdtr(count - 2, -t))
    return RankCorrelation(rho, p)


def _ranks(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """The ranks, of mean 0 and length 1."""
    column = np.asarray(values, dtype=np.float64)[:, None]
    ranks = (column > column.T).sum(1) + (column == column.T).sum(1) / 2
    centered = ranks - ranks.mean()
    return np.asarray(centered / np.linalg.norm(centered))


@cache
def _orders(count: int) -> npt.NDArray[np.int64]:
    """(count!, count), every order."""
    return np.array(list(permutations(range(count))))
