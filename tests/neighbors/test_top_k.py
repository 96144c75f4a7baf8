"""`top_k` finds what the definition finds, one pair at a time in float64."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmlcore.neighbors import VectorError, search, top_k
from neighbors import naive

DISTANCES = ["cosine", "l2", "inner_product"]


def expected(queries: np.ndarray, k: int, gallery: np.ndarray | None, distance: str) -> tuple[Any, Any]:
    """The k nearest by sorting all pairs: indices and values, query by query."""
    indices, values = [], []
    items = queries if gallery is None else gallery
    for q in range(len(queries)):
        others = [g for g in range(len(items)) if gallery is not None or g != q]
        similarity = {g: naive.similarity(queries[q], items[g], distance) for g in others}
        nearest = sorted(others, key=lambda g: (-similarity[g], g))[:k]
        indices.append(nearest)
        values.append([np.sqrt(-similarity[g]) if distance == "l2" else similarity[g] for g in nearest])
    return indices, values


def assert_as_defined(queries: np.ndarray, k: int, gallery: np.ndarray | None, distance: Any, **options: Any) -> None:
    indices, values = top_k(queries, k, gallery, distance=distance, **options)
    wanted_indices, wanted_values = expected(queries, k, gallery, distance)
    assert indices.tolist() == wanted_indices
    assert values.tolist() == wanted_values
    assert (
        indices.shape == values.shape == (len(queries), min(k, len(queries) - 1 if gallery is None else len(gallery)))
    )
    assert (indices.dtype, values.dtype) == (np.int64, np.float64)


@st.composite
def vectors(draw: st.DrawFn, dim: int, least: int) -> np.ndarray:
    """Vectors that tie often, some of them repeated, and none of them zero."""
    grid = st.integers(-2, 2).map(float)
    near = st.integers(0, 3).map(lambda steps: float(np.float32(1) + steps * np.finfo(np.float32).eps))
    value = draw(st.sampled_from([grid, near, st.floats(-(2.0**60), 2.0**60, width=32)]))
    rows = draw(st.lists(st.lists(value, min_size=dim, max_size=dim).filter(any), min_size=least, max_size=12))
    made = np.array(rows, np.float32)
    for copy in draw(st.lists(st.integers(0, len(made) - 1), max_size=4)):
        made[copy] = made[0]
    return made


@pytest.mark.parametrize("distance", DISTANCES)
@settings(max_examples=60, deadline=None)
@given(data=st.integers(1, 5).flatmap(lambda dim: st.tuples(vectors(dim, 1), vectors(dim, 1))), k=st.integers(1, 14))
def test_the_definition(distance: str, data: tuple[np.ndarray, np.ndarray], k: int) -> None:
    queries, gallery = data
    assert_as_defined(queries, k, gallery, distance)
    assert_as_defined(queries, k, None, distance)


def clustered(count: int = 220, dim: int = 6) -> np.ndarray:
    """Overlapping clusters, every fourth vector a copy of another."""
    generator = np.random.default_rng(0)
    made = generator.standard_normal((9, dim))[generator.integers(0, 9, count)]
    made += 0.3 * generator.standard_normal((count, dim))
    made[::4] = made[generator.integers(0, count, len(made[::4]))]
    return made.astype(np.float32)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("block_size", [1, 64, 2048])
@pytest.mark.parametrize("k", [1, 40, 500])
def test_blocks_larger_and_smaller_than_k(distance: str, block_size: int, k: int) -> None:
    made = clustered(120)
    assert_as_defined(made, k, None, distance, block_size=block_size)
    assert_as_defined(made[:30], k, made[20:], distance, block_size=block_size)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("spread", [1e-7, 1e-12])
def test_vectors_that_float32_products_can_not_tell_apart(distance: str, spread: float) -> None:
    made = 1 + spread * np.random.default_rng(1).standard_normal((80, 20))
    assert_as_defined(made, 7, None, distance, block_size=32)


@pytest.mark.parametrize("distance", DISTANCES)
def test_equal_vectors_are_ordered_by_index_without_the_query(distance: Any) -> None:
    indices, _ = top_k(np.full((70, 3), 0.3), 4, distance=distance, block_size=32)
    assert indices[[0, 1, 2, 50]].tolist() == [[1, 2, 3, 4], [0, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 3]]
    assert top_k(np.full((3, 2), 0.3), 2, np.full((5, 2), 0.3), distance=distance)[0].tolist() == [[0, 1]] * 3


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("exponent", [-600, 500])
def test_values_of_extreme_vectors_are_in_their_own_units(distance: Any, exponent: int) -> None:
    made = clustered(40).astype(np.float64)
    indices, values = top_k(made, 5, distance=distance)
    scaled_indices, scaled = top_k(np.ldexp(made, exponent), 5, distance=distance)
    assert scaled_indices.tolist() == indices.tolist()
    with np.errstate(over="ignore"):
        power = {"cosine": 0, "l2": exponent, "inner_product": 2 * exponent}[distance]
        np.testing.assert_array_equal(scaled, np.ldexp(values, power))


def test_the_number_of_threads_changes_nothing() -> None:
    made = clustered()
    one = top_k(made, 5, block_size=32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        for alone, together in zip(one, top_k(made, 5, block_size=32), strict=True):
            np.testing.assert_array_equal(alone, together)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_tensors_are_as_arrays(dtype: torch.dtype) -> None:
    tensor = torch.from_numpy(clustered(50)).to(dtype)
    for ours, theirs in zip(top_k(tensor, 3), top_k(tensor.double().numpy(), 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_progress_counts_blocks_of_queries() -> None:
    steps: list[tuple[int, int]] = []
    top_k(clustered(100), 1, block_size=32, progress=lambda *step: steps.append(step))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_single_vector_has_no_neighbors() -> None:
    indices, values = top_k([[1.0, 2.0]], 3)
    assert indices.shape == values.shape == (1, 0)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (([[1.0]], 0), {}, "k must be .* not 0"),
        (([[1.0]], True), {}, "k must be .* not True"),
        (([[1.0]], 1), {"block_size": 0}, "block_size must be"),
        (([[1.0]], 1), {"distance": "euclid"}, "distance must be .* not 'euclid'"),
        (([[1.0]], 1, [[1.0, 2.0]]), {}, "queries have 1 dimensions, but the gallery has 2"),
        (([1.0], 1), {}, r"queries must be of shape \(N, D\)"),
    ],
)
def test_wrong_arguments_are_refused(arguments: Any, options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        top_k(*arguments, **options)


def test_vectors_that_have_no_similarity_are_refused() -> None:
    with pytest.raises(VectorError, match="gallery contain NaN"):
        top_k([[1.0]], 1, [[np.nan]])
    with pytest.raises(VectorError, match="queries contain zero"):
        top_k([[0.0], [1.0]], 1)
    assert top_k([[0.0], [1.0]], 1, distance="l2")[1].tolist() == [[1.0], [1.0]]


def test_the_examples_of_the_docstrings() -> None:
    outcome = doctest.testmod(search)
    assert outcome.failed == 0
    assert outcome.attempted >= 7
