"""Retrieval metrics of a ranking, per query and as means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from attrs import astuple, frozen

Ties = Literal["pessimistic", "optimistic"]


@frozen(eq=False)
class PerQuery:
    """The metrics of each query, under one rule for ties; row i is query i as it was given.

    first: (Q,) int64, rank of the nearest item of the query's class, from 1; r_precision and map_at_r: (Q,).
    A lone query, which has no other member of its class to find, has 0 and NaN.
    """

    first: npt.NDArray[np.int64]
    r_precision: npt.NDArray[np.float64]
    map_at_r: npt.NDArray[np.float64]

    @classmethod
    def of(cls, counts: npt.NDArray[np.int64], relevant: npt.NDArray[np.int64]) -> PerQuery:
        """Compute the metrics from the items ranked before each item of the query's class.

        relevant: (Q,), R, the items of each query's class; counts: (ΣR,), query after query and from near to far,
        the items of other classes between one of its class and the one before it. A rank above R
        need not be exact, except for the first.
        """
        starts = np.cumsum(relevant) - relevant
        ranked = relevant > 0
        total = np.cumsum(counts)
        before = np.zeros(len(relevant), np.int64)
        before[ranked] = total[starts[ranked]] - counts[starts[ranked]]
        positions = np.arange(1, len(counts) + 1) - np.repeat(starts, relevant)
        ranks = positions + total - np.repeat(before, relevant)
        hit = ranks <= np.repeat(relevant, relevant)
        precisions = np.where(hit, positions / ranks, 0.0)
        scores = cls(*(np.full(len(relevant), lone) for lone in (0, np.nan, np.nan)))
        if ranked.any():
            begins, size = starts[ranked], relevant[ranked]
            scores.first[ranked] = ranks[begins]
            scores.r_precision[ranked] = np.add.reduceat(hit, begins, dtype=np.int64) / size
            scores.map_at_r[ranked] = np.add.reduceat(precisions, begins) / size
        return scores

    @classmethod
    def joined(cls, parts: Sequence[PerQuery]) -> PerQuery:
        """Concatenate the metrics of parts of the queries."""
        return cls(*(np.concatenate(values) for values in zip(*(astuple(part) for part in parts), strict=True)))

    def at(self, which: npt.NDArray[np.intp]) -> PerQuery:
        """Return the metrics of these queries, in this order."""
        return PerQuery(*(values[which] for values in astuple(self)))

    def put(self, which: npt.NDArray[np.intp], others: PerQuery) -> None:
        """Write the metrics of these queries."""
        for ours, theirs in zip(astuple(self), astuple(others), strict=True):
            ours[which] = theirs


@frozen(eq=False)
class Ranking:
    """How well queries find their class. R is the number of other members of a query's class in the gallery.

    relevant: (Q,) int64, R of each query; candidates: items that each query is ranked against.

    Ties: items of other classes as near as a relevant one rank before it in `pessimistic`, the default of every
    metric, and after it in `optimistic`; the value for any order of ties is between the two. Lone queries, with R = 0,
    are excluded from every mean. Means are rounded once, so they do not depend on the order of the queries.
    """

    relevant: npt.NDArray[np.int64]
    candidates: int
    pessimistic: PerQuery
    optimistic: PerQuery

    @property
    def lone_queries(self) -> int:
        """Queries that have no other member of their class to find."""
        return int((self.relevant == 0).sum())

    def recall_at(self, k: int, *, ties: Ties = "pessimistic") -> float:
        """Recall@K: the share of queries with an item of their class among the K nearest.

        (1/Q) Σ_q [first_q ≤ K], as in Oh Song et al., "Deep Metric Learning via Lifted Structured Feature
        Embedding", 2016, §5. Raises ValueError unless 1 ≤ K ≤ candidates.

        >>> from dmlcore.neighbors import rank
        >>> ranking = rank([[0.0], [1.0], [2.0], [4.0], [5.0], [9.0]], [0, 1, 0, 1, 1, 2], distance="l2")
        >>> ranking.pessimistic.first  # the last query is alone in its class
        array([2, 3, 3, 1, 1, 0])
        >>> ranking.recall_at(1), ranking.recall_at(2), ranking.recall_at(3)
        (0.4, 0.6, 1.0)
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise ValueError(f"K of Recall@K must be a whole number ≥ 1, not {k!r}")
        if k > self.candidates:
            raise ValueError(
                f"Recall@{k} is undefined for a ranking of {self.candidates:,} items: use K ≤ {self.candidates}"
            )
        return self._mean(self._under(ties).first <= k)

    def r_precision(self, *, ties: Ties = "pessimistic") -> float:
        """R-precision: the share of the R nearest items that are of the query's class.

        (1/Q) Σ_q (1/R_q) Σ_{i ≤ R_q} rel_q(i), as in Musgrave et al., "A Metric Learning Reality Check", 2020,
        §3.2; rel(i) is 1 where the i-th nearest item is of the query's class, else 0.

        >>> from dmlcore.neighbors import rank
        >>> rank([[0.0], [1.0], [3.0], [2.5], [8.0]], [0, 0, 0, 1, 1], distance="l2").r_precision()
        0.3
        """
        return self._mean(self._under(ties).r_precision)

    def map_at_r(self, *, ties: Ties = "pessimistic") -> float:
        """MAP@R: mean average precision over the R nearest items.

        (1/Q) Σ_q (1/R_q) Σ_{i ≤ R_q} P_q(i) rel_q(i), with P(i) the precision among the i nearest, as in
        Musgrave et al., "A Metric Learning Reality Check", 2020, §3.2. It is 1 only where all R nearest items
        are of the query's class, and at most the R-precision.

        >>> from dmlcore.neighbors import rank
        >>> ranking = rank([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0, 0, 1, 1])
        >>> ranking.map_at_r(), ranking.map_at_r(ties="optimistic")  # three vectors are the same
        (0.0, 0.75)
        """
        return self._mean(self._under(ties).map_at_r)

    def mrr(self, *, ties: Ties = "pessimistic") -> float:
        """Mean reciprocal rank of the nearest item of the query's class.

        (1/Q) Σ_q 1/first_q, as in Voorhees, "The TREC-8 Question Answering Track Report", 1999.

        >>> from dmlcore.neighbors import rank
        >>> ranking = rank([[0.0], [2.0], [4.0], [5.0]], [0, 0, 1, 1], distance="l2")
        >>> ranking.mrr(), ranking.mrr(ties="optimistic")  # 2.0 is as far from 0.0 as from 4.0
        (0.875, 1.0)
        """
        first = self._under(ties).first
        return self._mean(1 / np.maximum(first, 1))

    def _under(self, ties: Ties) -> PerQuery:
        if ties not in get_args(Ties):
            raise ValueError(f"ties must be {' or '.join(map(repr, get_args(Ties)))}, not {ties!r}")
        return self.pessimistic if ties == "pessimistic" else self.optimistic

    def _mean(self, values: npt.NDArray[np.float64] | npt.NDArray[np.bool_]) -> float:
        ranked = values[self.relevant > 0]
        return math.fsum(ranked.tolist()) / len(ranked)
