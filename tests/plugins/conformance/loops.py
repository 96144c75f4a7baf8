"""The definitions as the codebases' own code goes about them: one query, one neighbour at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Hits = list[list[bool]]


def nearness(vectors: np.ndarray, distance: str) -> list[list[float]]:
    """Of every query to every sample; the vectors of the tests have exact products, so that ties are ties."""
    rows = vectors.astype(np.float64)
    if distance == "cosine":
        rows = np.array([row / math.sqrt(float(np.sum(row * row))) for row in rows])
        return [[float(np.sum(q * g)) for g in rows] for q in rows]
    return [[-float(np.sum((q - g) ** 2)) for g in rows] for q in rows]


def order_of(row: Sequence[float]) -> list[int]:
    return sorted(range(len(row)), key=lambda i: (-row[i], i))


def hits(near: list[list[float]], labels: Sequence[int], drop: str) -> Hits:
    """For each query, near to far: is it of the class? Without the first, or without the query."""
    found = []
    for q, row in enumerate(near):
        order = order_of(row)
        order = order[1:] if drop == "first" else [i for i in order if i != q]
        found.append([labels[i] == labels[q] for i in order])
    return found


def strays(near: list[list[float]]) -> int:
    return sum(order_of(row)[0] != q for q, row in enumerate(near))


def recall(found: Hits, k: int) -> float:
    return sum(any(row[:k]) for row in found) / len(found)


def map_to(found: Hits, last: Sequence[int], divisors: Sequence[int]) -> float:
    """Mean over queries of Σ_{i ≤ last} P(i)·rel(i) / divisor; 0 where the divisor is."""
    total = 0.0
    for row, end, divisor in zip(found, last, divisors, strict=True):
        for i in range(1, min(end, len(row)) + 1):
            if row[i - 1]:
                total += sum(row[:i]) / i / divisor
    return total / len(found)


def recall_by_counting(near: list[list[float]], labels: Sequence[int], k: int) -> float:
    """bnu: fewer than K items strictly nearer than the nearest of the class, the query itself 1 less near."""
    found = 0
    for q, row in enumerate(near):
        lowered = [value - (i == q) for i, value in enumerate(row)]
        nearest = max(value for value, label in zip(lowered, labels, strict=True) if label == labels[q])
        found += sum(value > nearest for value in lowered) < k
    return found / len(near)
