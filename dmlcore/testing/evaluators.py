"""What an evaluator must do."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from dmlcore.api.components import EvaluatorConfig, MetricWarning
from dmlcore.api.values import Embeddings
from dmlcore.errors import DataError
from dmlcore.testing.checking import ContractError, NotApplicable, refused
from dmlcore.testing.numbers import Numbers, demand_same

CLASSES, EACH, DIM = 8, 6, 16
NAMES = tuple(f"class {number}" for number in range(CLASSES))


def embedded(seed: int = 0, spread: float = 0.35) -> Embeddings:
    """48 embeddings of unit length, in no order, around a centre for each class; `spread` is the noise on it."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.repeat(np.arange(CLASSES), EACH))
    vectors = np.eye(CLASSES, DIM)[labels] + spread * generator.normal(size=(len(labels), DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(vectors.astype(np.float32), labels, NAMES)


def numbers(component: EvaluatorConfig) -> Numbers:
    """The metrics of some embeddings."""
    return {name: np.array(value) for name, value in _metrics(component, embedded()).items()}


def builds(component: EvaluatorConfig) -> None:
    """Of 48 embeddings of 8 classes it gives at least one metric."""
    try:
        metrics = _metrics(component, embedded())
    except DataError as error:
        raise refused(error) from error
    if not metrics:
        raise ContractError("at least one metric", "none", "Return a mapping from names to numbers.")


def metrics_are_finite_numbers(component: EvaluatorConfig) -> None:
    """Every metric is a finite number with a name."""
    _demand_finite(_metrics(component, embedded()))


def headline_names_metrics(component: EvaluatorConfig) -> None:
    """At least one metric that `headline` names is given."""
    if not component.headline:
        raise NotApplicable("it has no headline, so short tables show all of its metrics")
    metrics = _metrics(component, embedded())
    if not set(component.headline) & set(metrics):
        raise ContractError(
            f"one of the metrics of the headline: {', '.join(component.headline)}",
            ", ".join(metrics),
            "Name metrics as `evaluate` does, without the evaluator's name.",
        )


def perfect_embeddings_are_best(component: EvaluatorConfig) -> None:
    """The metrics of the headline are no lower where each class is one point than where all is noise."""
    if not component.headline:
        raise NotApplicable("it has no headline, and of other metrics a larger number need not be better")
    perfect, noise = _metrics(component, embedded(spread=0)), _metrics(component, embedded(spread=30))
    for name in set(component.headline) & set(perfect) & set(noise):
        if perfect[name] < noise[name]:
            raise ContractError(
                f"{name} of perfect embeddings no lower than of noise",
                f"{perfect[name]:g} and {noise[name]:g}",
                "Rank the nearest first: the largest cosine, or the smallest distance.",
            )


def values_by_query_have_the_metric_as_their_mean(component: EvaluatorConfig) -> None:
    """`per_query` gives (N,) numbers, or NaN, whose mean is the metric of that name."""
    _demand_values_by_query(component)
    queries = embedded()
    metrics, each = _metrics(component, queries), _per_query(component, queries)
    for name, values in each.items():
        if np.shape(values) != (len(queries),):
            raise ContractError(
                f"{name}: one number for each of {len(queries)} queries",
                f"shape {np.shape(values)}",
                "Reduce nothing in `per_query`.",
            )
        mean = float(np.nanmean(values))
        if name not in metrics or not math.isclose(mean, metrics[name], rel_tol=1e-6, abs_tol=1e-9):
            raise ContractError(
                f"{name} of `evaluate` the mean of that of `per_query`",
                f"{metrics.get(name)} and {mean:g}",
                "Make the metrics from `per_query`, and leave out there what is no mean over queries.",
            )


def order_of_the_queries_does_not_matter(component: EvaluatorConfig) -> None:
    """The queries in another order have the same values, those of `per_query` and the metrics that they make."""
    _demand_values_by_query(component)
    queries = embedded()
    each = _per_query(component, queries)
    order = np.random.default_rng(1).permutation(len(queries))
    moved = Embeddings(queries.vectors[order], queries.labels[order], queries.class_names)
    demand_same(
        {name: np.asarray(values)[order] for name, values in each.items()},
        _per_query(component, moved),
        when="with the queries in another order",
        cure="Look for an index that takes the place of a query for its class, and for ties that the order settles.",
    )
    metrics, others = _metrics(component, queries), _metrics(component, moved)
    demand_same(
        {name: np.array(metrics[name]) for name in each},
        {name: np.array(others[name]) for name in each},
        when="with the queries in another order",
        cure="Make the metrics from `per_query`.",
    )


def refuses_nan(component: EvaluatorConfig) -> None:
    """Embeddings with NaN raise ValueError, in `evaluate` and in `per_query`."""
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
    """With a gallery, that may have other classes, the metrics are finite numbers too, or it is refused."""
    queries, gallery = embedded(0), embedded(1)
    renamed = Embeddings(gallery.vectors, gallery.labels, (*NAMES[1:], "class of the gallery alone"))
    for others in (gallery, renamed):
        try:
            metrics = _metrics(component, queries, others)
        except (DataError, ValueError) as error:
            raise NotApplicable(f"it refuses a gallery: {error}") from None
        _demand_finite(metrics)


def leaves_the_embeddings_alone(component: EvaluatorConfig) -> None:
    """Vectors and labels are the same afterwards as before."""
    queries, untouched = embedded(), embedded()
    _metrics(component, queries)
    _per_query(component, queries)
    if not np.array_equal(queries.vectors, untouched.vectors) or not np.array_equal(queries.labels, untouched.labels):
        raise ContractError(
            "embeddings as they were given",
            "others after the evaluation",
            "Work on copies: the next evaluator gets the same arrays.",
        )


CHECKS = (
    builds,
    metrics_are_finite_numbers,
    headline_names_metrics,
    perfect_embeddings_are_best,
    values_by_query_have_the_metric_as_their_mean,
    order_of_the_queries_does_not_matter,
    refuses_nan,
    ranks_a_gallery,
    leaves_the_embeddings_alone,
)


def _metrics(component: EvaluatorConfig, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetricWarning)
        return component.evaluate(queries, gallery)


def _gives_by_query(component: EvaluatorConfig) -> bool:
    return type(component).per_query is not EvaluatorConfig.per_query


def _demand_values_by_query(component: EvaluatorConfig) -> None:
    if not _gives_by_query(component):
        raise NotApplicable("it has no `per_query`")


def _per_query(component: EvaluatorConfig, queries: Embeddings) -> Mapping[str, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MetricWarning)
        return component.per_query(queries)


def _demand_finite(metrics: Mapping[str, Any]) -> None:
    for name, value in metrics.items():
        if not isinstance(name, str) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise ContractError(
                "finite numbers by name",
                f"{name!r}: {value!r}",
                "Leave a metric out, with a MetricWarning, where it is not defined.",
            )
