"""open-metric-learning 4.0, oml/functional/: knn.py and metrics.py (calc_cmc, calc_precision, calc_map).

It requires numpy < 2 and can't be installed together with dmlcore; the definitions are reimplemented from its formulas,
with equal values where both were compared. For a query alone in its class, the precision of the original is 0/0, and
NaN for all queries; here it counts as 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dmlcore_plugins.conformance import ranked


def compare(vectors: np.ndarray, labels: np.ndarray, recall_at: Sequence[int]) -> ranked.Comparison:
    """cmc@K, and precision@k and map@k with k = the largest R of the set, by the Euclidean distance."""
    relevant = ranked.class_sizes(labels) - 1
    k = int(relevant.max())
    blocks = []
    for rows, order in ranked.rankings(vectors, "l2"):
        hits = ranked.without_the_query(labels, rows, order)
        block = {f"recall_at_{n}_by_oml": ranked.found_among(hits, n) for n in recall_at}
        block["r_precision_by_oml_precision"] = precision_at(hits, k, relevant[rows])
        block["map_at_r_by_oml_map"] = map_at(hits, k)
        blocks.append(block)
    lone = int((relevant == 0).sum())
    return ranked.Comparison(
        ranked.mean_by_name(blocks),
        f"oml: map@{k} divides by the number of items found among the {k} nearest, not by R: a query that finds one of "
        f"many, at rank 1, gets 1. precision@{k} divides by the smaller of {k} and R. Queries alone in their class "
        f"count as misses ({lone:,} here; the original's precision@{k} is NaN with any). The "
        "sorting decides the order of ties",
    )


def precision_at(hits: ranked.Hits, k: int, relevant: ranked.Indices) -> np.ndarray:
    """(b,): items found among the k nearest / min(k, R); 0 where R is 0."""
    return np.asarray(hits[:, :k].sum(axis=1) / np.maximum(np.minimum(k, relevant), 1))


def map_at(hits: ranked.Hits, k: int) -> np.ndarray:
    """(b,): (1/n_k) Σ_{i ≤ k} P(i)·rel(i), n_k the items found among the k nearest; 0 where none is."""
    hits = hits[:, :k]
    return np.asarray(ranked.precision_at_hits(hits).sum(axis=1) / np.maximum(hits.sum(axis=1), 1))
