"""Counting for queries with large classes: all similarities in float64, sorted, and thresholds looked up in them."""

from __future__ import annotations

import numpy as np

from dmlcore.neighbors.pairing import Pairing
from dmlcore.neighbors.similarity import Floats, Indices
from dmlcore.neighbors.threads import in_threads
from dmlcore.neighbors.thresholds import Thresholds
from dmlcore.neighbors.vectors import blocks

ROW_VALUES = 2**22
"""Similarities in memory at once."""


def count_dense(pairing: Pairing, thresholds: Thresholds, queries: Indices, which: Indices, columns: slice) -> None:
    """Count for some queries what a part of the gallery holds; `which` (B,) are their rows among the thresholds.

    A float64 product decides which similarities are above a threshold. If one is within the product's error of a
    threshold, the query's whole row is computed again, exactly.
    """
    for part in blocks(len(queries), max(1, ROW_VALUES // (columns.stop - columns.start))):
        _count_block(pairing, thresholds, queries[part], which[part], columns)
    thresholds.drop(which)


def _count_block(pairing: Pairing, thresholds: Thresholds, queries: Indices, which: Indices, columns: slice) -> None:
    low, high = (np.clip(end, columns.start, columns.stop) - columns.start for end in pairing.own_class(queries))
    weights = pairing.gallery.weights[columns]
    repeated = bool((weights > 1).any())
    open_rows = np.zeros(len(queries), bool)

    def count(row: int, similarities: Floats, error: float) -> None:
        others = np.concatenate([similarities[: low[row]], similarities[high[row] :]])
        if repeated:
            others = np.repeat(others, np.concatenate([weights[: low[row]], weights[high[row] :]]))
        others.sort()
        open_rows[row] = not thresholds.count_sorted(int(which[row]), others, error)

    similarities, errors = pairing.similarity.quick_block(queries, columns)
    in_threads(lambda row: count(row, similarities[row], errors[row]), range(len(queries)))
    again = np.flatnonzero(open_rows)
    exact = pairing.similarity.exact_block(queries[again], columns)
    in_threads(lambda place: count(again[place], exact[place], 0.0), range(len(again)))
