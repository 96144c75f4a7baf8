"""Products keep within the error that they state, and small values of a tile are all found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dmlcore.neighbors.products import Products, bfloat16_pays
from dmlcore.neighbors.tiles import ROUNDING, bits, floats, least_of_groups, limits, near_groups, near_values
from neighbors.examples import few_or_many, for_all
from neighbors.test_similarity import DISTANCES, random_vectors, similarity_of

PRECISIONS = ["bfloat16", "float32"]


def check(ours: np.ndarray, theirs: np.ndarray, distance: Any, precision: Any) -> np.ndarray:
    """Whether tiles and pairs keep within their error; returns the errors of the tile as shares of what is allowed."""
    similarity = similarity_of(ours, theirs, distance)
    products = Products.of(similarity, precision, "cpu")
    shape = (len(ours), len(theirs))
    rows, columns = (index.ravel() for index in np.indices(shape))
    far = products.frame.far(similarity.exact(rows, columns).reshape(shape))
    tile = products.tile(products.left(slice(0, len(ours))), slice(0, len(theirs)))
    made = tile[: shape[0], : shape[1]].double().numpy()
    error = products.error(slice(0, len(ours)), slice(0, len(theirs)))[:, None] + np.abs(made) * ROUNDING[tile.dtype]
    assert (np.abs(made - far) <= error).all()
    assert (tile[shape[0] :] > 1e29).all()
    assert (tile[:, shape[1] :] > 1e29).all()
    pairs, allowed = products.pairs(rows, columns)
    assert (np.abs(pairs - far.ravel()) <= allowed).all()
    return np.asarray(np.abs(made - far) / error)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("distance", DISTANCES)
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.sampled_from([1, 2, 16, 100, 513]),
    spread=st.sampled_from([0.0, 0.5, 5.0, 18.0]),
    offset=st.sampled_from([0.0, 1.0, 1000.0]),
    scale=st.sampled_from([2.0**-100, 1.0, 2.0**40]),
)
def test_products_keep_within_their_error(
    distance: Any, precision: Any, seed: int, dim: int, spread: float, offset: float, scale: float
) -> None:
    ours = (random_vectors(seed, 12, dim, spread) + np.float32(offset)) * np.float32(scale)
    theirs = (random_vectors(seed + 1, 31, dim, spread) + np.float32(offset)) * np.float32(scale)
    assume(ours.any(axis=1).all() and theirs.any(axis=1).all())  # a cosine needs a direction
    check(ours, theirs, distance, precision)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("distance", DISTANCES)
def test_the_worst_roundings_keep_within_the_error(distance: Any, precision: Any) -> None:
    """All values just below the middle of two bfloat16, so that each is rounded by nearly half a step, one way."""
    dim = 257
    worst = np.full((8, dim), 1 + 2.0**-8 - 2.0**-20, np.float32)
    worst *= np.where(np.arange(8)[:, None] % 2, 1, -1)
    shares = check(worst, worst, distance, precision)
    if precision == "bfloat16" and distance == "inner_product":
        assert shares.max() > 0.2  # the bound is of use: no more than a few times what happens


@pytest.mark.parametrize("distance", DISTANCES)
def test_values_that_processors_take_for_zero(distance: Any) -> None:
    tiny = np.random.default_rng(0).standard_normal((9, 5)).astype(np.float32) * np.float32(2.0**-140)
    tiny[:4] += 1
    for precision in PRECISIONS:
        check(tiny, tiny[::-1].copy(), distance, precision)


def test_the_error_is_small_enough_to_be_of_use() -> None:
    one = random_vectors(4, 500, 128, 0)
    similarity = similarity_of(one, None, "cosine")
    for precision, most in (("bfloat16", 6e-3), ("float32", 6e-5)):
        products = Products.of(similarity, precision, "cpu")  # type: ignore[arg-type]
        assert products.error(slice(0, 500), slice(0, 500)).max() < most


def test_what_all_vectors_share_costs_no_digits() -> None:
    """As in an untrained network, whose cosines are all near 1."""
    one = random_vectors(5, 200, 64, 0) / 100 + np.float32(1)
    for distance in ("cosine", "l2"):
        products = Products.of(similarity_of(one, None, distance), "bfloat16", "cpu")
        tile = products.tile(products.left(slice(0, 200)), slice(0, 200))[:200, :200].double().numpy()
        error = products.error(slice(0, 200), slice(0, 200)).max()
        assert error < 0.05 * np.median(tile)


def test_a_gallery_that_is_the_queries_is_stored_once() -> None:
    products = Products.of(similarity_of(random_vectors(6, 6, 3, 0), None, "cosine"), "bfloat16", "cpu")
    assert products.queries is products.gallery


def test_what_pays_is_measured_once() -> None:
    assert bfloat16_pays("cpu") is bfloat16_pays("cpu")


@few_or_many
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("flipped", [False, True])
def test_all_values_within_the_limit_are_found(dtype: torch.dtype, flipped: bool, count: int) -> None:
    """Negative ones too, which rounding produces from a farness of 0; and none for a query with nothing to find."""

    def check(seed: int, shape: tuple[int, int], share: float) -> None:
        generator = np.random.default_rng(seed)
        values = generator.standard_normal(shape) ** 2 - 1e-3
        values[generator.random(shape) < 0.01] = np.inf
        tile = torch.from_numpy(values.T if flipped else values).to(dtype)
        tile = tile.contiguous().T if flipped else tile
        wanted = np.quantile(np.where(np.isfinite(values), values, 100.0), share, axis=1)
        wanted[::5] = -np.inf
        limit = limits(wanted, tile)
        least = least_of_groups(tile)
        row, column, found = near_values(tile, limit, *near_groups(least, limit), least.shape[1])
        held = tile.double().numpy()
        expected = (held <= limit.double().numpy()[:, None]) & (wanted > -np.inf)[:, None]
        assert sorted(zip(row.tolist(), column.tolist(), strict=True)) == list(
            zip(*(index.tolist() for index in np.nonzero(expected)), strict=True)
        )
        np.testing.assert_array_equal(found, held[row, column])

    for_all(
        count,
        check,
        seed=st.integers(0, 2**32 - 1),
        shape=st.tuples(st.sampled_from([32, 64, 224]), st.sampled_from([32, 64, 128, 224, 4096])),
        share=st.sampled_from([0.0, 0.001, 0.3, 1.0]),
    )


def test_bits_are_in_the_order_of_the_values() -> None:
    values = torch.tensor([-2.0, -1e-30, 0.0, 1e-30, 1.0, 1.0078125, 3e38, torch.inf])
    for dtype in (torch.bfloat16, torch.float32):
        tile = values.to(dtype)
        held = bits(tile)
        assert (held[:2] < 0).all()
        assert held[2:].tolist() == sorted(held[2:].tolist())
        np.testing.assert_array_equal(floats(held.numpy(), dtype), tile.double().numpy())
