"""Checks of evaluators."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from dmlcore.api.components import EvaluatorConfig, MetricWarning
from dmlcore.api.values import Embeddings
from dmlcore.errors import DataError
from dmlcore.testing.checking import ContractError, NotApplicable, applies_if, checks_in, demand, refusals
from dmlcore.testing.numbers import Numbers, demand_same

CLASSES, EACH, DIM = 8, 6, 16
NAMES = tuple(f"class {number}" for number in range(CLASSES))


def embedded(seed: int = 0, spread: float = 0.35) -> Embeddings:
    """48 unit-length embeddings in random order, around a center per class; `spread` is the noise."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(CLASSES), EACH))
    vectors = np.eye(CLASSES, DIM)[labels] + spread * generator.normal(size=(len(labels), DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(vectors.astype(np.float32), labels, NAMES)


def _gives_by_query(component: EvaluatorConfig) -> bool:
    return type(component).per_query is not EvaluatorConfig.per_query


def numbers(component: EvaluatorConfig) -> Numbers:
    """The metrics of the embeddings."""
    return {name: np.array(value) for name, value in _metrics(component, embedded()).items()}


def builds(component: EvaluatorConfig) -> None:
    """It returns at least one metric for 48 embeddings of 8 classes."""
    with refusals(DataError):
        metrics = _metrics(component, embedded())
    demand(metrics, "at least one metric", "none", "Return a mapping from names to numbers.")


def metrics_are_finite_numbers(component: EvaluatorConfig) -> None:
    """Every metric is a finite number with a name."""
    _demand_finite(_metrics(component, embedded()))


@applies_if(lambda evaluator: evaluator.headline, "it has no headline")
def headline_names_metrics(component: EvaluatorConfig) -> None:
    """The evaluator returns at least one metric of `headline`."""
    metrics = _metrics(component, embedded())
    demand(
        set(component.headline) & set(metrics),
        f"one of the metrics of the headline: {', '.join(component.headline)}",
        ", ".join(metrics),
        "Name metrics as `evaluate` does, without the evaluator's name.",
    )


@applies_if(lambda evaluator: evaluator.headline, "it has no headline")
def perfect_embeddings_are_best(component: EvaluatorConfig) -> None:
    """The metrics of the headline are not lower for perfect embeddings, one point per class, than for noise."""
    perfect, noise = _metrics(component, embedded(spread=0)), _metrics(component, embedded(spread=30))
    for name in set(component.headline) & set(perfect) & set(noise):
        demand(
            not perfect[name] < noise[name],
            f"{name} for perfect embeddings not lower than for noise",
            f"{perfect[name]:g} and {noise[name]:g}",
            "Rank the nearest first: largest cosine, or smallest distance.",
        )


@applies_if(_gives_by_query, "it has no `per_query`")
def values_by_query_have_the_metric_as_their_mean(component: EvaluatorConfig) -> None:
    """`per_query` returns (N,) numbers, or NaN; their mean is the metric of the same name."""
    queries = embedded()
    metrics, each = _metrics(component, queries), _per_query(component, queries)
    for name, values in each.items():
        demand(
            np.shape(values) == (len(queries),),
            f"{name}: one number for each of {len(queries)} queries",
            f"shape {np.shape(values)}",
            "Do not reduce in `per_query`.",
        )
        mean = float(np.nanmean(values))
        demand(
            name in metrics and math.isclose(mean, metrics[name], rel_tol=1e-6, abs_tol=1e-9),
            f"{name} of `evaluate` equal to the mean of `per_query`",
            f"{metrics.get(name)} and {mean:g}",
            "Compute the metrics from `per_query`, and omit there what is not a mean over queries.",
        )


@applies_if(_gives_by_query, "it has no `per_query`")
def order_of_the_queries_does_not_matter(component: EvaluatorConfig) -> None:
    """Values of `per_query`, and the metrics of the same names, do not depend on the order of the queries."""
    queries = embedded()
    each = _per_query(component, queries)
    order = np.random.default_rng(1).permutation(len(queries))
    moved = Embeddings(queries.vectors[order], queries.labels[order], queries.class_names)
    demand_same(
        {name: np.asarray(values)[order] for name, values in each.items()},
        _per_query(component, moved),
        when="for another order of the queries",
        remedy="Check for an index that uses the position of a query as its class, and for ties.",
    )
    metrics, others = _metrics(component, queries), _metrics(component, moved)
    demand_same(
        {name: np.array(metrics[name]) for name in each},
        {name: np.array(others[name]) for name in each},
        when="for another order of the queries",
        remedy="Compute the metrics from `per_query`.",
    )


def refuses_nan(component: EvaluatorConfig) -> None:
    """`evaluate` and `per_query` raise ValueError for embeddings with NaN."""
    broken = embedded()
    broken.vectors[3, 0] = np.nan
    for name, function in (("evaluate", _metrics), ("per_query", _per_query)):
        if name == "per_query" and not _gives_by_query(component):
            continue
        try:
            given = function(component, broken)
        except ValueError:
            continue
        raise ContractError(
            f"ValueError from `{name}` for embeddings with NaN",
            f"{dict(given)}",
            'Call dmlcore.neighbors.checked_vectors(queries.vectors, "queries") first.',
        )


def ranks_a_gallery(component: EvaluatorConfig) -> None:
    """With a gallery, which may have other classes, the metrics are finite numbers, or the gallery is refused."""
    queries, gallery = embedded(0), embedded(1)
    renamed = Embeddings(gallery.vectors, gallery.labels, (*NAMES[1:], "class of the gallery alone"))
    for others in (gallery, renamed):
        try:
            metrics = _metrics(component, queries, others)
        except (DataError, ValueError) as error:
            raise NotApplicable(f"it refuses a gallery: {error}") from None
        _demand_finite(metrics)


def leaves_the_embeddings_alone(component: EvaluatorConfig) -> None:
    """It does not modify vectors and labels."""
    queries, untouched = embedded(), embedded()
    _metrics(component, queries)
    _per_query(component, queries)
    demand(
        np.array_equal(queries.vectors, untouched.vectors) and np.array_equal(queries.labels, untouched.labels),
        "unchanged embeddings",
        "other values after the evaluation",
        "Work on copies: the next evaluator gets the same arrays.",
    )


CHECKS = checks_in(__name__)


def _metrics(component: EvaluatorConfig, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, Any]:
    with warnings.catch_warnings(action="ignore", category=MetricWarning):
        return component.evaluate(queries, gallery)


def _per_query(component: EvaluatorConfig, queries: Embeddings) -> Mapping[str, np.ndarray]:
    with warnings.catch_warnings(action="ignore", category=MetricWarning):
        return component.per_query(queries)


def _demand_finite(metrics: Mapping[str, Any]) -> None:
    for name, value in metrics.items():
        demand(
            isinstance(name, str) and isinstance(value, int | float | np.number) and math.isfinite(value),
            "finite numbers by name",
            f"{name!r}: {value!r}",
            "Omit a metric that is not defined, with a MetricWarning.",
        )
