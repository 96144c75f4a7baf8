"""Whether one figure orders the points of a study as another does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy.special import stdtr

EXACT = 8
"""Up to so many points all orders are counted: 8! = 40,320."""


@frozen
class RankCorrelation:
    """Spearman's ρ of n points, and the two-sided p-value of its being at least as strong by chance."""

    rho: float
    p: float
    points: int


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> RankCorrelation | None:
    """Spearman's rank correlation, ties sharing their mean rank; None below three points or where all are equal.

    p from all orders of up to EXACT points, beyond from t = ρ √((n − 2)/(1 − ρ²)).
    """
    count = len(x)
    if count < 3 or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    first, second = _centred_ranks(x), _centred_ranks(y)
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    rho = max(-1.0, min(1.0, float(first @ second) / scale))
    if count <= EXACT:
        orders = np.array(list(permutations(range(count))))
        others = np.abs(second[orders] @ first) / scale
        return RankCorrelation(rho, float(np.mean(others >= abs(rho) - 1e-9)), count)
    if abs(rho) == 1:
        return RankCorrelation(rho, 0.0, count)
    statistic = abs(rho) * math.sqrt((count - 2) / (1 - rho**2))
    return RankCorrelation(rho, float(2 * stdtr(count - 2, -statistic)), count)


def _centred_ranks(values: Sequence[float]) -> npt.NDArray[np.float64]:
    _, places, counts = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ranks = np.asarray(np.cumsum(counts) - (counts - 1) / 2, dtype=np.float64)[places]
    return np.asarray(ranks - ranks.mean())
