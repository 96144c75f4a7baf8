"""The exact similarity is the same number everywhere, and products keep within the error that they state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmlcore.neighbors.similarity import CACHED_VALUES, Similarity
from neighbors import naive

DISTANCES = ["cosine", "l2", "inner_product"]


def vectors(seed: int, count: int, dim: int, spread: float) -> np.ndarray:
    """Of lengths that differ by up to 10^spread."""
    generator = np.random.default_rng(seed)
    lengths = 10 ** generator.uniform(-spread, spread, (count, 1))
    return (generator.standard_normal((count, dim)) * lengths).astype(np.float32)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("dim", [1, 7, 8, 9, 127, 128, 130, 300])
def test_a_pair_has_the_same_similarity_in_any_company(distance: Any, dim: int) -> None:
    """Alone, among others, and from the other side."""
    one = vectors(0, 40, dim, 1)
    similarity = Similarity.of(one, one, distance)
    rows, columns = (index.ravel() for index in np.indices((40, 40)))
    together = similarity.exact(rows, columns)
    alone = [similarity.exact(rows[i : i + 1], columns[i : i + 1])[0] for i in range(len(rows))]
    assert together.tolist() == alone
    assert together.reshape(40, 40).tolist() == together.reshape(40, 40).T.tolist()


@pytest.mark.parametrize("distance", DISTANCES)
def test_pairs_are_as_defined_up_to_a_power_of_two(distance: Any) -> None:
    ours, theirs = vectors(1, 5, 6, 1), vectors(2, 4, 6, 1)
    rows, columns = (index.ravel() for index in np.indices((5, 4)))
    exact = Similarity.of(ours, theirs, distance).exact(rows, columns)
    expected = [naive.similarity(ours[r], theirs[c], distance) for r, c in zip(rows, columns, strict=True)]
    factors = exact / expected
    assert (factors == factors[0]).all()
    assert np.frexp(factors[0])[0] == 0.5


def test_more_pairs_than_are_worked_on_at_once() -> None:
    dim = 1000
    one = vectors(3, 30, dim, 0)
    rows, columns = (index.ravel() for index in np.indices((30, 30)))
    assert len(rows) * dim > 3 * CACHED_VALUES
    exact = Similarity.of(one, one, "inner_product").exact(rows, columns)
    full = one.astype(np.float64) @ one.astype(np.float64).T
    np.testing.assert_allclose(exact / exact[0] * full[0, 0], full.ravel(), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distance", DISTANCES)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.sampled_from([1, 2, 16, 100, 513]),
    spread=st.sampled_from([0.0, 0.5, 5.0]),
    offset=st.sampled_from([0.0, 1.0, 1000.0]),
)
def test_products_keep_within_their_error(
    distance: Any, dtype: Any, seed: int, dim: int, spread: float, offset: float
) -> None:
    ours = vectors(seed, 12, dim, spread) + np.float32(offset)
    theirs = vectors(seed + 1, 31, dim, spread) + np.float32(offset)
    similarity = Similarity.of(ours, theirs, distance)
    rows, columns = (index.ravel() for index in np.indices((12, 31)))
    exact = similarity.exact(rows, columns).reshape(12, 31)
    product = similarity.product(dtype)
    tile = product.tile(np.arange(12), slice(0, 31))
    assert tile.dtype == dtype
    assert (np.abs(tile - exact) <= product.error[:, None]).all()
    # half of the room is left for what the bound allows and random roundings don't reach
    assert (np.abs(tile - exact) <= product.error[:, None] / 2).all()


def test_the_worst_roundings_keep_within_the_error() -> None:
    """Sums built so that each addition rounds by nearly half a unit, the same way."""
    dim = 4097
    row = np.full((1, dim), 1 + 2.0**-12)
    row[0, 0] = 2.0**12
    ours, theirs = np.vstack([row, row]), np.vstack([row, np.ones((1, dim))])
    similarity = Similarity.of(ours, theirs, "inner_product")
    product = similarity.product(np.float32)
    tile = product.tile(np.arange(2), slice(0, 2))
    exact = similarity.exact(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])).reshape(2, 2)
    assert (np.abs(tile - exact) <= product.error[:, None]).all()
    assert np.abs(tile - exact).max() > 0


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_error_is_small_enough_to_be_of_use(distance: Any) -> None:
    """At 128 dimensions it leaves open a few in a hundred thousand of the unit sphere's similarities."""
    one = vectors(4, 50, 128, 0)
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    similarity = Similarity.of(one, one, distance)
    largest = np.square(similarity.queries).sum(axis=1).max()
    scale = largest * (4 if distance == "l2" else 1)
    assert similarity.product(np.float32).error.max() < 4e-5 * scale
    assert similarity.product(np.float64).error.max() < 7e-14 * scale


def test_a_gallery_that_is_the_queries_is_stored_once() -> None:
    one = vectors(5, 6, 3, 0)
    similarity = Similarity.of(one, one, "cosine")
    assert similarity.gallery is similarity.queries
    assert similarity.product(np.float64).left is similarity.queries


def test_what_was_given_is_not_changed() -> None:
    one, two = vectors(6, 6, 3, 0).astype(np.float64), vectors(7, 5, 3, 0).astype(np.float64)
    before = one.copy(), two.copy()
    Similarity.of(one, two, "cosine").product(np.float64)
    Similarity.of(one, two, "l2").product(np.float64)
    np.testing.assert_array_equal(one, before[0])
    np.testing.assert_array_equal(two, before[1])
