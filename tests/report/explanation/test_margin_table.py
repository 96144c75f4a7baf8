"""Margins on every axis."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dmlcore.api.values import MarginAxis
from dmlcore.report.explanation.margin_table import margin_table


@pytest.mark.parametrize("axis", ["cosine", "euclidean", "squared_euclidean", "degrees"])
def test_a_threshold_is_one_place_of_two_unit_vectors(axis: MarginAxis) -> None:
    """Measured on vectors that are 50° apart."""
    a, b = np.array([1.0, 0.0]), np.array([math.cos(math.radians(50)), math.sin(math.radians(50))])
    places = {
        "cosine": float(a @ b),
        "euclidean": float(np.linalg.norm(a - b)),
        "squared_euclidean": float(np.sum((a - b) ** 2)),
        "degrees": 50.0,
    }
    (row,) = margin_table([places[axis]], axis, "threshold").rows
    assert [float(cell) for cell in row[1:]] == pytest.approx(list(places.values()), abs=1e-4)


def test_the_two_losses_called_contrastive_half() -> None:
    assert margin_table([0.5], "cosine", "threshold").rows == (("0.5", "0.5", "1.0000", "1.0000", "60.0"),)
    assert margin_table([0.5], "euclidean", "threshold").rows == (("0.5", "0.8750", "0.5", "0.2500", "29.0"),)


def test_a_difference_is_translated_only_where_axes_are_linear() -> None:
    none = "no fixed value"
    assert margin_table([0.2], "squared_euclidean", "difference").rows == (("0.2", "0.1", none, "0.2", none),)
    assert margin_table([0.1], "cosine", "difference").rows == (("0.1", "0.1", none, "0.2", none),)
    grid = margin_table([0.1], "euclidean", "difference")
    assert grid.rows == (("0.1", none, "0.1", none, none),)
    assert "farther a negative must be than a positive" in grid.notes[1]


def test_the_scale_of_a_difference_is_that_of_random_triplets() -> None:
    generator = np.random.default_rng(0)
    anchor, positive, negative = (v / np.linalg.norm(v) for v in generator.normal(size=(3, 8)))
    gap = anchor @ positive - anchor @ negative
    squared = np.sum((anchor - negative) ** 2) - np.sum((anchor - positive) ** 2)
    assert float(margin_table([gap], "cosine", "difference").rows[0][3]) == pytest.approx(squared, rel=1e-4)


def test_a_threshold_beyond_the_sphere() -> None:
    assert margin_table([2.5], "euclidean", "threshold").rows[0][1] == "out of range"
