"""The definitions written down as plainly as they can be: one pair at a time, one rank at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def similarity(query: np.ndarray, item: np.ndarray, distance: str) -> float:
    q, g = query.astype(np.float64), item.astype(np.float64)
    if distance == "l2":
        return -float(np.sum((q - g) * (q - g)))
    if distance == "cosine":
        q, g = q / np.sqrt(np.sum(q * q)), g / np.sqrt(np.sum(g * g))
    return float(np.sum(q * g))


def own_ranks(
    vectors: np.ndarray,
    labels: Sequence[int],
    gallery: np.ndarray | None,
    gallery_labels: Sequence[int] | None,
    distance: str,
    ties: str,
) -> list[list[int]]:
    """For each query the ranks of its class, from the nearest on."""
    ranks = []
    items, item_labels = (vectors, labels) if gallery is None else (gallery, gallery_labels)
    for q in range(len(vectors)):
        row = [
            (similarity(vectors[q], items[g], distance), item_labels[g] == labels[q])
            for g in range(len(items))
            if gallery is not None or g != q
        ]
        # in a list sorted from near to far, ties put the other classes first, or last
        row.sort(key=lambda pair: (-pair[0], pair[1] if ties == "pessimistic" else not pair[1]))
        ranks.append([position for position, (_, own) in enumerate(row, 1) if own])
    return ranks


def recall_at(ranks: list[list[int]], k: int) -> float:
    found = [min(own) <= k for own in ranks if own]
    return sum(found) / len(found)


def r_precision(ranks: list[list[int]]) -> float:
    return _mean([sum(r <= len(own) for r in own) / len(own) for own in ranks if own])


def map_at_r(ranks: list[list[int]]) -> float:
    return _mean([_average_precision(own) for own in ranks if own])


def mrr(ranks: list[list[int]]) -> float:
    return _mean([1 / min(own) for own in ranks if own])


def _average_precision(own: list[int]) -> float:
    """(1/R) Σ P(i)·rel(i), over i from 1 to R."""
    total = 0.0
    for i in range(1, len(own) + 1):
        precision = sum(r <= i for r in own) / i
        total += precision * (i in own)
    return total / len(own)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
