"""Each check of an evaluator fails where its promise is broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dmlcore import DataError, Embeddings, EvaluatorConfig
from dmlcore.neighbors import checked_vectors
from dmlcore.testing.evaluators import CHECKS
from testing.failing import component_of, failure_of, outcome_of


def hits(queries: Embeddings) -> np.ndarray:
    """Whether the nearest other embedding is of the query's class."""
    vectors = checked_vectors(queries.vectors, "queries")
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    return (queries.labels[cosines.argmax(1)] == queries.labels).astype(float)


def misses(queries: Embeddings) -> np.ndarray:
    return 1 - hits(queries)


def evaluator(evaluate: Any, by_query: Any = None, **members: Any) -> Any:
    """An evaluator; functions of the queries alone are taken, as of one that heeds no gallery."""
    methods = {"evaluate": lambda self, queries, gallery=None: evaluate(queries)}
    if by_query is not None:
        methods["per_query"] = lambda self, queries, gallery=None: by_query(queries)
    return component_of(EvaluatorConfig, **methods, **members)


def refusing(queries: Embeddings) -> dict[str, float]:
    raise DataError("It needs more than 48 embeddings.", "Give more.")


def writing(queries: Embeddings) -> dict[str, float]:
    queries.vectors[:] = 0
    return {"recall": 1.0}


def with_gallery(self: Any, queries: Embeddings, gallery: Embeddings | None = None) -> dict[str, float]:
    return {"recall": float("nan") if gallery else 1.0}


def mean_of(by_query: Any) -> Any:
    return lambda queries: {"recall": float(by_query(queries).mean())}


def places(queries: Embeddings) -> np.ndarray:
    return np.arange(len(queries)) / len(queries)


def first(queries: Embeddings) -> np.ndarray:
    return hits(queries) * 0 + queries.labels[1]


BROKEN: list[tuple[str, Any, str, str]] = [
    (
        "builds",
        evaluator(refusing),
        "DataError: It needs more than 48 embeddings.",
    ),
    ("builds", evaluator(lambda queries: {}), "got       none"),
    (
        "metrics_are_finite_numbers",
        evaluator(lambda queries: {"recall": float("nan")}),
        "'recall': nan",
    ),
    (
        "metrics_are_finite_numbers",
        evaluator(lambda q: {"recall": "high"}),
        "'recall': 'high'",
    ),
    (
        "headline_names_metrics",
        evaluator(mean_of(hits), headline=("retrieval/recall",)),
        "recall",
    ),
    (
        "perfect_embeddings_are_best",
        evaluator(mean_of(misses), headline=("recall",)),
        "0 and 0.958333",
    ),
    (
        "values_by_query_have_the_metric_as_their_mean",
        evaluator(lambda q: {"recall": 0.25}, lambda q: {"recall": np.full(len(q), 0.5)}),
        "0.25 and 0.5",
    ),
    (
        "values_by_query_have_the_metric_as_their_mean",
        evaluator(lambda q: {"recall": 0.25}, lambda q: {"recall": np.array(0.25)}),
        "shape ()",
    ),
    (
        "order_of_the_queries_does_not_matter",
        evaluator(mean_of(places), lambda q: {"recall": places(q)}),
        "0.3125, then 0",
    ),
    (
        "order_of_the_queries_does_not_matter",
        evaluator(mean_of(first), lambda q: {"recall": hits(q)}),
        "3, then 7",
    ),
    (
        "refuses_nan",
        evaluator(lambda q: {"recall": 1.0}),
        "{'recall': 1.0}",
    ),
    (
        "refuses_nan",
        evaluator(mean_of(hits), lambda q: {}),
        "ValueError from `per_query` for embeddings with NaN",
    ),
    (
        "ranks_a_gallery",
        component_of(EvaluatorConfig, evaluate=with_gallery),
        "'recall': nan",
    ),
    (
        "leaves_the_embeddings_alone",
        evaluator(writing),
        "other values after the evaluation",
    ),
]


@pytest.mark.parametrize(("check", "component", "words"), BROKEN)
def test_a_broken_promise_is_told(check: str, component: Any, words: str) -> None:
    assert words in failure_of(component, check)


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("headline_names_metrics", "it has no headline"),
        ("perfect_embeddings_are_best", "it has no headline"),
        ("values_by_query_have_the_metric_as_their_mean", "it has no `per_query`"),
        ("order_of_the_queries_does_not_matter", "it has no `per_query`"),
    ],
)
def test_what_an_evaluator_does_not_promise_is_not_asked(check: str, reason: str) -> None:
    outcome = outcome_of(evaluator(mean_of(hits)), check)
    assert (outcome.status, outcome.reason) == ("not applicable", reason)


def test_a_gallery_may_be_refused() -> None:
    def no_gallery(self: Any, queries: Embeddings, gallery: Embeddings | None = None) -> dict[str, float]:
        if gallery is not None:
            raise DataError("it ranks queries alone")
        return {"recall": 1.0}

    outcome = outcome_of(component_of(EvaluatorConfig, evaluate=no_gallery), "ranks_a_gallery")
    assert (outcome.status, outcome.reason) == ("not applicable", "it refuses a gallery: it ranks queries alone")
