"""The evaluator `retrieval`: the field's numbers, and all that a reader must know beside them."""

from __future__ import annotations

import doctest
import importlib
import math
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

from dmlcore import Embeddings, MetricWarning
from dmlcore.neighbors import VectorError
from dmlcore_plugins.metrics.retrieval import Retrieval, dmlcore_register_evaluators


def overlapping(seed: int, count: int, classes: int, dim: int, noise: float = 1.0, *, centres: int = 0) -> Embeddings:
    """Unit vectors without ties, around centres that depend on `centres` only."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, count)
    vectors = np.random.default_rng(centres).standard_normal((classes, dim))[labels]
    vectors = vectors + noise * generator.standard_normal((count, dim))
    return Embeddings((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels)


def peer(queries: Embeddings, gallery: Embeddings | None = None) -> dict[str, float]:
    """What pytorch-metric-learning says, under our names."""
    names = {
        "precision_at_1": "recall_at_1",
        "mean_average_precision_at_r": "map_at_r",
        "r_precision": "r_precision",
    }
    calculator = AccuracyCalculator(include=tuple(names), k="max_bin_count", device=torch.device("cpu"))
    reference = {} if gallery is None else {"reference": gallery.vectors, "reference_labels": gallery.labels}
    numbers = calculator.get_accuracy(queries.vectors, queries.labels, **reference)
    return {ours: numbers[theirs] for theirs, ours in names.items()}


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
@pytest.mark.parametrize(("count", "classes", "dim"), [(60, 3, 4), (500, 40, 16), (1500, 25, 64)])
def test_the_numbers_are_those_of_pytorch_metric_learning(distance: Any, count: int, classes: int, dim: int) -> None:
    embeddings = overlapping(0, count, classes, dim, noise=1.5)
    measured = Retrieval(distance=distance).evaluate(embeddings)
    expected = peer(embeddings)
    assert 0.05 < expected["map_at_r"] < 0.95
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_with_a_gallery_too() -> None:
    queries, gallery = overlapping(1, 200, 20, 12), overlapping(2, 600, 20, 12)
    measured = Retrieval().evaluate(queries, gallery)
    expected = peer(queries, gallery)
    assert 0.05 < expected["map_at_r"] < 0.95
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_lone_queries_are_excluded_as_there() -> None:
    embeddings = overlapping(3, 90, 50, 8, noise=0.5)
    lone = int((np.bincount(embeddings.labels) == 1).sum())
    assert lone > 5
    message = rf"^{lone} of 90 queries have no other image of their class to find"
    with pytest.warns(MetricWarning, match=message):
        measured = Retrieval().evaluate(embeddings)
    assert measured["lone_queries"] == lone
    expected = peer(embeddings)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_names_and_order_of_the_metrics() -> None:
    measured = Retrieval().evaluate(overlapping(4, 200, 5, 8))
    recalls = [f"recall_at_{k}" for k in (1, 2, 4, 8, 16, 32)]
    assert list(measured) == [*recalls, "r_precision", "map_at_r", "mrr"]
    assert all(type(value) is float for value in measured.values())
    assert [measured[name] for name in recalls] == sorted(measured[name] for name in recalls)


def test_a_collapsed_embedding_says_both_numbers() -> None:
    collapsed = Embeddings(np.ones((40, 4), np.float32), np.arange(40) % 4)
    with pytest.warns(MetricWarning) as caught:
        measured = Retrieval(recall_at=(1, 32)).evaluate(collapsed)
    assert measured == {
        "recall_at_1": 0.0,
        "recall_at_32": 1.0,
        "r_precision": 0.0,
        "map_at_r": 0.0,
        "mrr": pytest.approx(1 / 31),
        "recall_at_1_optimistic": 1.0,
        "r_precision_optimistic": 1.0,
        "map_at_r_optimistic": 1.0,
        "mrr_optimistic": 1.0,
    }
    (warning,) = caught
    assert str(warning.message).endswith(
        ": recall_at_1 0.0000 → 1.0000, r_precision 0.0000 → 1.0000, map_at_r 0.0000 → 1.0000, mrr 0.0323 → 1.0000"
    )


def test_a_k_beyond_the_images_has_no_number() -> None:
    vectors = np.random.default_rng(5).standard_normal((9, 4)).astype(np.float32)
    embeddings = Embeddings(vectors, np.arange(9) % 3)
    with pytest.warns(MetricWarning) as caught:
        measured = Retrieval().evaluate(embeddings)
    assert list(measured) == [
        *("recall_at_1", "recall_at_2", "recall_at_4", "recall_at_8"),
        *("r_precision", "map_at_r", "mrr"),
    ]
    assert measured["recall_at_8"] == 1
    (warning,) = caught
    assert str(warning.message).startswith("no Recall@K for K = 16, 32: ")
    assert "8 images" in str(warning.message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "recall_at_9" in Retrieval(recall_at=(9,)).evaluate(embeddings, embeddings)


def test_classes_of_a_gallery_go_by_name() -> None:
    generator = np.random.default_rng(6)
    names, others = ("crow", "jay", "wren"), ("robin", "wren", "crow", "jay")
    centres = {name: generator.standard_normal(6) for name in (*names, "robin")}

    def birds(labels: np.ndarray, called: tuple[str, ...]) -> Embeddings:
        vectors = [centres[called[label]] + 0.7 * generator.standard_normal(6) for label in labels]
        return Embeddings(np.array(vectors, np.float32), labels, called)

    queries, gallery = birds(np.arange(30) % 3, names), birds(np.arange(80) % 4, others)
    measured = Retrieval(recall_at=(1,)).evaluate(queries, gallery)
    numbers = np.array([3, 2, 0, 1])  # in the order of `others`; robin has no number in `names`
    by_number = Embeddings(gallery.vectors, numbers[gallery.labels])
    assert measured == Retrieval(recall_at=(1,)).evaluate(queries, by_number)
    assert measured["recall_at_1"] > 0.5
    same_names = Embeddings(queries.vectors, queries.labels, names)
    unnamed = Embeddings(queries.vectors, queries.labels)
    metric = Retrieval(recall_at=(1,))
    assert metric.evaluate(queries, same_names) == metric.evaluate(unnamed, queries)


def test_a_gallery_label_without_a_name_is_refused() -> None:
    queries = Embeddings(np.eye(2, dtype=np.float32), np.array([0, 1]), ("crow", "jay"))
    for label in (3, -1):
        gallery = Embeddings(np.eye(2, dtype=np.float32), np.array([0, label]), ("jay", "crow", "wren"))
        message = (
            f"labels of gallery must be 0 … 2, one for each of its class names, not {min(0, label)} … {max(0, label)}"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            Retrieval().evaluate(queries, gallery)


@pytest.mark.parametrize(
    ("vectors", "labels", "kind", "message"),
    [
        (
            [[1.0, np.nan], [1.0, 2.0], [2.0, 1.0]],
            [0, 0, 1],
            VectorError,
            "queries .* NaN or infinite values in 1 of 3 rows: 0",
        ),
        (
            [[1.0, 2.0], [0.0, 0.0], [2.0, 1.0]],
            [0, 0, 1],
            VectorError,
            "queries .* zero .* in 1 of 3 rows: 1",
        ),
        (
            [[1.0, 2.0], [2.0, 1.0]],
            [4, 4],
            ValueError,
            "all 2 samples .* label 4: .* two classes",
        ),
        (
            [[1.0, 2.0], [2.0, 1.0]],
            [0, 1],
            ValueError,
            "none of the 2 queries has another member of its class",
        ),
    ],
)
def test_what_can_not_be_measured_is_a_clear_error(
    vectors: Any, labels: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        Retrieval().evaluate(Embeddings(np.array(vectors, np.float32), np.array(labels)))


def test_options() -> None:
    assert Retrieval() == Retrieval(recall_at=(1, 2, 4, 8, 16, 32), distance="cosine")
    with pytest.raises(ValueError, match=r"^recall_at must be ≥ 1, not 0$"):
        Retrieval(recall_at=(1, 0))
    embeddings = overlapping(7, 100, 5, 3)
    longer = Embeddings(embeddings.vectors * np.linspace(1, 3, 100, dtype=np.float32)[:, None], embeddings.labels)
    numbers = [
        Retrieval(distance=distance).evaluate(longer)["map_at_r"] for distance in ("cosine", "l2", "inner_product")
    ]
    assert len(set(numbers)) == 3
    assert numbers[0] == Retrieval().evaluate(embeddings)["map_at_r"]


def means(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: math.fsum(part := each[~np.isnan(each)]) / len(part) for name, each in values.items()}


@pytest.mark.parametrize("distance", ["cosine", "l2", "inner_product"])
@pytest.mark.filterwarnings("ignore::dmlcore.MetricWarning")
def test_metrics_are_the_means_of_their_queries_to_the_last_digit(distance: Any) -> None:
    embeddings = overlapping(3, 90, 50, 8, noise=0.5)
    lone = np.bincount(embeddings.labels)[embeddings.labels] == 1
    metric = Retrieval(distance=distance)
    values, measured = metric.per_query(embeddings), metric.evaluate(embeddings)
    assert list(values) == list(measured)[: len(values)]
    assert list(measured)[len(values) :] == ["lone_queries"]
    assert means(values) == {name: measured[name] for name in values}
    for each in values.values():
        assert each.shape == (90,)
        assert each.dtype == np.float64
        assert np.isnan(each).tolist() == lone.tolist()


@pytest.mark.filterwarnings("ignore::dmlcore.MetricWarning")
def test_queries_too_have_ties_against_them_and_no_k_beyond_the_images() -> None:
    collapsed = Embeddings(np.ones((12, 4), np.float32), np.arange(12) % 3)
    values = Retrieval(recall_at=(1, 9, 12)).per_query(collapsed)
    assert list(values) == ["recall_at_1", "recall_at_9", "r_precision", "map_at_r", "mrr"]
    assert [set(each) for each in values.values()] == [{0.0}, {1.0}, {0.0}, {0.0}, {1 / 9}]


def test_queries_against_a_gallery() -> None:
    queries, gallery = overlapping(1, 50, 20, 12), overlapping(2, 300, 20, 12)
    measured, values = Retrieval().evaluate(queries, gallery), Retrieval().per_query(queries, gallery)
    assert means(values) == measured


def test_offered() -> None:
    assert dmlcore_register_evaluators() == [Retrieval]
    assert Retrieval.name == "retrieval"


def test_the_example_of_the_docstring() -> None:
    outcome = doctest.testmod(importlib.import_module("dmlcore_plugins.metrics.retrieval"))
    assert (outcome.failed, outcome.attempted) == (0, 3)
