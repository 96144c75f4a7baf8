"""What the definitions share: full rankings, block by block, with the query itself among its neighbors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
from attrs import frozen

Indices = npt.NDArray[np.int64]
Hits = npt.NDArray[np.bool_]

BLOCK = 256
"""Queries ranked at a time."""


@frozen
class Comparison:
    """metrics: <metric of dmlcore>_by_<codebase> → value; note: how its definitions differ, with counts on the data."""

    metrics: Mapping[str, float]
    note: str


def mean_by_name(blocks: list[dict[str, np.ndarray]]) -> dict[str, float]:
    """Means over all queries, from blocks of values by name."""
    return {name: float(np.concatenate([block[name] for block in blocks]).mean()) for name in blocks[0]}


def similarities(vectors: np.ndarray, distance: Literal["cosine", "l2"]) -> Iterator[tuple[Indices, np.ndarray]]:
    """Blocks of queries (b,), and the nearness of every sample to them (b, N), in float64; higher is nearer.

    By the cosine, or by the squared Euclidean distance of the vectors (N, D) as they are.
    """
    vectors = vectors.astype(np.float64)
    if distance == "cosine":
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    squares = np.square(vectors).sum(axis=1)
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        near = vectors[rows] @ vectors.T
        yield rows, near if distance == "cosine" else 2 * near - squares


def rankings(vectors: np.ndarray, distance: Literal["cosine", "l2"]) -> Iterator[tuple[Indices, Indices]]:
    """Blocks of queries (b,), and all samples from near to far (b, N); for ties, the lower index comes first."""
    for rows, near in similarities(vectors, distance):
        yield rows, np.argsort(-near, axis=1, kind="stable")


def without_the_first(labels: Indices, rows: Indices, order: Indices) -> Hits:
    """(b, N - 1): whether each neighbor except the nearest is of the query's class."""
    return np.asarray(labels[order[:, 1:]] == labels[rows][:, None])


def without_the_query(labels: Indices, rows: Indices, order: Indices) -> Hits:
    """(b, N - 1): whether each neighbor except the query itself is of its class."""
    others = order[order != rows[:, None]].reshape(len(rows), -1)
    return np.asarray(labels[others] == labels[rows][:, None])


def found_among(hits: Hits, k: int) -> Hits:
    """(b,): whether an item of the query's class is among the K nearest."""
    return np.asarray(hits[:, :k].any(axis=1))


def precision_at_hits(hits: Hits) -> np.ndarray:
    """(b, n): P(i)·rel(i), the precision among the i nearest where the i-th is of the class, else 0."""
    return np.asarray(hits.cumsum(axis=1) * hits / np.arange(1, hits.shape[1] + 1))


def class_sizes(labels: Indices) -> Indices:
    """(N,): the number of samples in the class of each sample, including itself."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse])
