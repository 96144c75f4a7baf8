"""The exact similarity is the same number everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dmlcore.neighbors.similarity import Similarity, Vectors
from dmlcore.neighbors.vectors import CACHED_VALUES
from neighbors import naive

DISTANCES = ["cosine", "l2", "inner_product"]


def random_vectors(seed: int, count: int, dim: int, spread: float) -> np.ndarray:
    """Of lengths that differ by up to 10^spread."""
    generator = np.random.default_rng(seed)
    lengths = 10 ** generator.uniform(-spread, spread, (count, 1))
    return (generator.standard_normal((count, dim)) * lengths).astype(np.float32)


def similarity_of(ours: np.ndarray, theirs: np.ndarray | None, distance: Any) -> Similarity:
    queries = Vectors(ours, np.arange(len(ours)))
    gallery = queries if theirs is None else Vectors(theirs, np.arange(len(theirs)))
    return Similarity.of(queries, gallery, distance)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 127, 128, 130, 300])
def test_a_pair_has_the_same_similarity_in_any_company(distance: Any, dim: int) -> None:
    """Alone, among others, from the other side, and as part of a block."""
    similarity = similarity_of(random_vectors(0, 40, dim, 1), None, distance)
    rows, columns = (index.ravel() for index in np.indices((40, 40)))
    together = similarity.exact(rows, columns)
    alone = [similarity.exact(rows[i : i + 1], columns[i : i + 1])[0] for i in range(len(rows))]
    assert together.tolist() == alone
    assert together.reshape(40, 40).tolist() == together.reshape(40, 40).T.tolist()
    block = similarity.exact_block(np.array([3, 30, 3]), slice(5, 33))
    assert block.tolist() == together.reshape(40, 40)[[3, 30, 3], 5:33].tolist()


@pytest.mark.parametrize("distance", DISTANCES)
def test_pairs_are_as_defined(distance: Any) -> None:
    ours, theirs = random_vectors(1, 5, 6, 1), random_vectors(2, 4, 6, 1)
    rows, columns = (index.ravel() for index in np.indices((5, 4)))
    exact = similarity_of(ours, theirs, distance).exact(rows, columns)
    expected = [naive.similarity(ours[r], theirs[c], distance) for r, c in zip(rows, columns, strict=True)]
    assert exact.tolist() == expected


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("scale", [2.0**900, 2.0**-1000])
def test_extreme_values_are_as_defined_up_to_a_power_of_two(distance: Any, scale: float) -> None:
    ours, theirs = random_vectors(1, 5, 6, 1).astype(np.float64), random_vectors(2, 4, 6, 1).astype(np.float64)
    rows, columns = (index.ravel() for index in np.indices((5, 4)))
    exact = similarity_of(ours * scale, theirs * scale, distance).exact(rows, columns)
    factors = exact / similarity_of(ours, theirs, distance).exact(rows, columns)
    assert (factors == factors[0]).all()
    assert np.frexp(factors[0])[0] == 0.5


def test_more_pairs_than_are_worked_on_at_once() -> None:
    dim = 1000
    one = random_vectors(3, 30, dim, 0)
    rows, columns = (index.ravel() for index in np.indices((30, 30)))
    assert len(rows) * dim > 3 * CACHED_VALUES
    exact = similarity_of(one, None, "inner_product").exact(rows, columns)
    full = one.astype(np.float64) @ one.astype(np.float64).T
    np.testing.assert_allclose(exact, full.ravel(), rtol=1e-9)


def test_vectors_are_those_of_the_index() -> None:
    samples = random_vectors(4, 9, 3, 0)
    vectors = Vectors(samples, np.array([4, 1, 4]))
    assert len(vectors) == 3
    np.testing.assert_array_equal(vectors.rows(slice(None)), samples[[4, 1, 4]].astype(np.float64))
    np.testing.assert_array_equal(vectors.normalized().rows(np.array([1])), naive_unit(samples[[1]]))


def naive_unit(rows: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.sqrt(np.sum(wide * wide, axis=1))[:, None])


def test_what_was_given_is_not_changed() -> None:
    one, two = random_vectors(6, 6, 3, 0).astype(np.float64), random_vectors(7, 5, 3, 0).astype(np.float64)
    before = one.copy(), two.copy()
    for distance in DISTANCES:
        similarity_of(one, two, distance).exact(np.array([0, 1]), np.array([2, 3]))
        similarity_of(one * 2.0**800, two, distance)
    np.testing.assert_array_equal(one, before[0])
    np.testing.assert_array_equal(two, before[1])
