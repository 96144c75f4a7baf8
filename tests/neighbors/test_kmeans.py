"""Clusters are those of faiss, and those of Lloyd's algorithm written down plainly."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from dmlcore.neighbors import VectorError, k_means
from dmlcore.neighbors.lloyd import Clustering
from neighbors.examples import few_or_many, for_all


def overlapping(seed: int, count: int, classes: int, dim: int, noise: float = 1.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((classes, dim))[np.arange(count) % classes]
    return (vectors + noise * generator.standard_normal((count, dim))).astype(np.float32)


def peer(vectors: np.ndarray, initial: np.ndarray, iterations: int) -> np.ndarray:
    clusters = faiss.Kmeans(vectors.shape[1], len(initial), niter=iterations, min_points_per_centroid=1)
    clusters.train(vectors, init_centroids=vectors[initial])
    return np.asarray(clusters.assign(vectors)[1])


def plain(vectors: np.ndarray, initial: np.ndarray, iterations: int) -> np.ndarray:
    """In float64, for data that leaves no cluster empty."""
    centers = vectors[initial].astype(np.float64)
    for step in range(iterations + 1):
        distances = np.square(vectors[:, None].astype(np.float64) - centers).sum(axis=2)
        assigned = distances.argmin(axis=1)
        if step < iterations:
            centers = np.array([vectors[assigned == k].mean(axis=0) for k in range(len(centers))])
    return assigned


SHAPES = [(600, 150, 8, 1.0), (2000, 300, 24, 0.7), (3000, 1200, 16, 1.0), (5000, 40, 32, 1.5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("iterations", [1, 2, 20])
def test_clusters_are_those_of_faiss(shape: Any, iterations: int) -> None:
    count, classes, dim, noise = shape
    vectors = overlapping(0, count, classes, dim, noise)
    initial = np.random.default_rng(1).permutation(count)[:classes]
    np.testing.assert_array_equal(k_means(vectors, initial, iterations=iterations), peer(vectors, initial, iterations))


def test_empty_clusters_are_filled_as_in_faiss() -> None:
    """Equal first centers leave all but one of them empty, in the first step and in later ones."""
    vectors = overlapping(2, 2000, 500, 8)
    vectors[:400] = vectors[400:800]
    initial = np.random.default_rng(3).permutation(2000)[:500]
    state = Clustering.of(vectors, initial, "cpu")
    assert (np.bincount(state.assigned, minlength=500) == 0).sum() > 10
    np.testing.assert_array_equal(k_means(vectors, initial), peer(vectors, initial, 20))


def test_lloyd_written_down() -> None:
    vectors = overlapping(4, 300, 20, 6)
    initial = np.arange(20)
    for iterations in (0, 1, 3, 10):
        found = k_means(vectors, initial, iterations=iterations)
        np.testing.assert_array_equal(found, plain(vectors, initial, iterations))


@few_or_many
def test_after_each_step_all_is_as_if_searched_again(count: int) -> None:
    """Nothing that can have moved is passed over, and bounds are bounds."""

    def check(seed: int, spread: float, offset: float) -> None:
        generator = np.random.default_rng(seed)
        size, clusters = int(generator.integers(2, 200)), int(generator.integers(1, 30))
        vectors = (offset + spread * generator.standard_normal((size, 5))).astype(np.float32)
        state = Clustering.of(vectors, generator.permutation(size)[:clusters], "cpu")
        for _ in range(6):
            distances = np.square(vectors[:, None].astype(np.float64) - state.centers).sum(axis=2)
            np.testing.assert_array_equal(state.assigned, distances.argmin(axis=1))
            np.testing.assert_array_equal(state.distance, distances.min(axis=1))
            distances[np.arange(size), state.assigned] = np.inf
            assert (state.others <= distances.min(axis=1)).all()
            state.step()

    for_all(
        count,
        check,
        seed=st.integers(0, 2**32 - 1),
        spread=st.sampled_from([1e-3, 1.0, 1e6]),
        offset=st.sampled_from([0.0, 5.0]),
    )


def test_each_vector_a_center() -> None:
    vectors = overlapping(5, 30, 30, 3)
    assert k_means(vectors, np.arange(30)[::-1]).tolist() == list(range(30))[::-1]
    twice = np.repeat(vectors[:15], 2, axis=0)
    assert len(set(k_means(twice, np.arange(30)).tolist())) >= 15


def test_a_collapsed_embedding_has_clusters_all_the_same() -> None:
    clusters = k_means(np.ones((50, 4), np.float32), np.arange(5))
    assert clusters.shape == (50,)
    assert 0 <= clusters.min() <= clusters.max() < 5


def test_tensors_and_other_types() -> None:
    vectors = overlapping(6, 200, 20, 6)
    expected = k_means(vectors, np.arange(20))
    np.testing.assert_array_equal(k_means(torch.from_numpy(vectors), np.arange(20)), expected)
    np.testing.assert_array_equal(k_means(vectors.astype(np.float64), list(range(20))), expected)


@pytest.mark.parametrize(
    ("vectors", "initial", "options", "message"),
    [
        ([[1.0], [2.0]], [], {}, r"initial must be of shape \(K,\).* not float64 \(0,\)"),
        ([[1.0], [2.0]], [[0]], {}, r"initial must be of shape \(K,\).* not int64 \(1, 1\)"),
        ([[1.0], [2.0]], [0.0], {}, r"initial must be of shape \(K,\).* not float64 \(1,\)"),
        ([[1.0], [2.0]], [0, 2], {}, "initial must be indices of the 2 vectors, not 0 … 2"),
        ([[1.0], [2.0]], [-1], {}, "initial must be indices of the 2 vectors, not -1 … -1"),
        ([[1.0], [2.0]], [1, 1], {}, "initial .* twice"),
        ([[1.0], [2.0]], [0], {"iterations": -1}, "iterations must be .* ≥ 0, not -1"),
        ([1.0, 2.0], [0], {}, r"vectors must be of shape \(N, D\).* not \(2,\)"),
    ],
)
def test_what_can_not_be_clustered_is_refused(vectors: Any, initial: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        k_means(vectors, initial, **options)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "NaN or infinite values in 1 of 2 rows: 0"),
        (1e300, "beyond the range of float32"),
    ],
)
def test_values_that_have_no_distance_are_refused(value: float, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        k_means([[value], [1.0]], [0])


def test_progress_is_told_after_each_step() -> None:
    told: list[tuple[int, int]] = []
    vectors = np.random.default_rng(0).standard_normal((60, 4))
    k_means(vectors, np.arange(5), iterations=3, progress=lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]
