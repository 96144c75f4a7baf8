"""Vectors and labels are checked where they come in, and repetitions become weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmlcore.neighbors import VectorError, checked_labels, checked_vectors
from dmlcore.neighbors.vectors import distinct


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([1.0, 2.0], r"embeddings must be of shape \(N, D\).* not \(2,\)"),
        ([[[1.0]]], r"embeddings must be of shape \(N, D\).* not \(1, 1, 1\)"),
        (np.empty((3, 0)), r"embeddings are empty: shape \(3, 0\)"),
        ([["a"]], "embeddings must be real numbers that fit float64, not <U1"),
        ([[1j]], "embeddings must be real numbers that fit float64, not complex128"),
        ([[None]], "embeddings must be real numbers that fit float64, not object"),
    ],
)
def test_what_is_not_a_matrix_of_real_numbers_is_refused(vectors: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_vectors(vectors, "embeddings")


def test_rows_that_are_not_finite_are_named() -> None:
    vectors = np.zeros((2000, 2), np.float32)
    vectors[5:1500, 1] = np.nan
    with pytest.raises(VectorError, match=r"NaN or infinite values in 1,495 of 2,000 rows: 5, 6, 7, 8, 9, …$"):
        checked_vectors(vectors)


def test_zeros_are_refused_only_on_demand() -> None:
    vectors = [[0.0, 1.0], [0.0, 0.0]]
    assert checked_vectors(vectors).shape == (2, 2)
    with pytest.raises(VectorError, match=r"vectors contain zero .* in 1 of 2 rows: 1$"):
        checked_vectors(vectors, nonzero=True)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int32])
def test_real_dtypes_stay_as_they_are(dtype: Any) -> None:
    assert checked_vectors(np.ones((2, 3), dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", [np.int8, np.uint32, np.int64])
def test_integer_labels_become_int64(dtype: Any) -> None:
    labels = checked_labels(np.array([1, 2], dtype), 2)
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([1.0, 2.0]), "labels must be integers that fit int64, not float64"),
        (np.array([1, 2], np.uint64), "labels must be integers that fit int64, not uint64"),
        (["a", "b"], "labels must be integers that fit int64, not <U1"),
        ([[1], [2]], r"labels must be of shape \(2,\).* not \(2, 1\)"),
        ([1, 2, 3], r"labels must be of shape \(2,\).* not \(3,\)"),
    ],
)
def test_other_labels_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_labels(labels, 2)


def test_labels_above_what_float32_tells_apart_stay_apart() -> None:
    big = 2**24
    assert checked_labels([big, big + 1], 2).tolist() == [big, big + 1]


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-2, 2)), min_size=1, max_size=30))
def test_items_are_the_distinct_pairs_of_class_and_vector(rows: list[tuple[int, int, int]]) -> None:
    vectors = np.array([row[:2] for row in rows], np.float32)
    labels = np.array([row[2] for row in rows])
    items = distinct(vectors, labels)
    assert len(items) == len(set(rows))
    assert items.labels.tolist() == sorted(items.labels.tolist())
    np.testing.assert_array_equal(items.samples[items.first][items.inverse], vectors)
    np.testing.assert_array_equal(items.labels[items.inverse], labels)
    np.testing.assert_array_equal(items.weights, np.bincount(items.inverse))


def test_items_of_a_view_that_is_not_contiguous() -> None:
    vectors = np.arange(12.0).reshape(3, 4)[:, ::2]
    items = distinct(vectors, np.array([0, 1, 1]))
    assert sorted(items.samples[items.first].tolist()) == [[0, 2], [4, 6], [8, 10]]
