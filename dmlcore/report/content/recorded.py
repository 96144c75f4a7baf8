"""The quantities that a run records beside its metrics, and their names in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from dmlcore.api.result import Result

GEOMETRY = "geometry/"
"""Starts the name of a figure of the test embeddings."""
TRAINING = "training/"
"""Starts the name of a figure of the last epoch's batches."""

ZERO_LOSS = f"{TRAINING}zero_loss_steps"

_WORDS = {
    "effective_rank": "effective rank",
    "dimensions_for_90_percent": "number of axes that hold 90 % of the variance",
    "intra_class_distance": "mean distance within a class",
    "inter_class_distance": "mean distance between class centres",
    "distance_ratio": "distance within over between classes",
    "alignment": "alignment (mean squared distance of positive pairs)",
    "uniformity": "uniformity (log mean exp(−2d²))",
    "hubness": "hubness (skewness of the 10-occurrence)",
    "positive_similarity": "mean cosine of positive pairs",
    "negative_similarity": "mean cosine of negative pairs",
    "similarity_overlap": "overlap of positive and negative cosines",
    "mean_cosine": "mean cosine of all pairs",
    "zero_loss_steps": "share of steps with zero loss",
    "coverage": "share of images visited",
    "gradient_norm": "gradient norm",
    "active_positive_pairs": "share of active positive pairs",
    "active_negative_pairs": "share of active negative pairs",
    "active_triplets": "share of active triplets",
}

_QUANTILES = ("_q05", "_q50", "_q95")


@frozen
class Recorded:
    """One quantity over the seeds of a row."""

    mean: float
    sd: float | None


def recorded(result: Result) -> dict[str, float]:
    """Name → value: the figures of the test embeddings, and those of the last epoch that has any.

    The share of steps with zero loss is the mean over all epochs: a loss that was zero early tells as much.
    """
    figures = {f"{GEOMETRY}{name}": value for name, value in result.geometry.items()}
    told = [epoch.diagnostics for epoch in result.curve if epoch.diagnostics]
    if told:
        figures |= {f"{TRAINING}{name}": value for name, value in told[-1].items()}
    zero = [epoch["zero_loss_steps"] for epoch in told if "zero_loss_steps" in epoch]
    if zero:
        figures[ZERO_LOSS] = math.fsum(zero) / len(zero)
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def recorded_of(results: Sequence[Result]) -> dict[str, Recorded]:
    """Name → mean and sample deviation over runs, of the quantities that every run has."""
    runs = [recorded(result) for result in results]
    names = [name for name in runs[0] if all(name in run for run in runs)] if runs else []
    return {name: _over([run[name] for run in runs]) for name in names}


def _over(values: Sequence[float]) -> Recorded:
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Recorded(mean, None)
    return Recorded(mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)))


def averaged_recorded(rows: Sequence[Mapping[str, Recorded]]) -> dict[str, Recorded]:
    """The mean of rows; its deviation over seeds is the rows' own, pooled, not what lies between rows."""
    names = [name for name in rows[0] if all(name in row for row in rows)]
    averages = {}
    for name in names:
        deviations = [sd for row in rows if (sd := row[name].sd) is not None]
        pooled = math.sqrt(math.fsum(sd**2 for sd in deviations) / len(rows)) if len(deviations) == len(rows) else None
        averages[name] = Recorded(math.fsum(row[name].mean for row in rows) / len(rows), pooled)
    return averages


def in_words(name: str) -> str:
    """ "geometry/effective_rank" → "effective rank of the test embeddings"."""
    group, _, quantity = name.partition("/")
    where = "of the test embeddings" if group == GEOMETRY.rstrip("/") else "in the last epoch's batches"
    if name == ZERO_LOSS:
        where = "of all epochs"
    return f"{_quantity_in_words(quantity)} {where}"


def _quantity_in_words(quantity: str) -> str:
    for suffix in _QUANTILES:
        if quantity.endswith(suffix):
            pairs = quantity.removesuffix(suffix).partition("_")[0]
            return f"{int(suffix.removeprefix('_q'))} % quantile of the cosine of {pairs} pairs"
    return _WORDS.get(quantity, quantity.replace("_", " "))


def number(value: float) -> str:
    """Three or four digits, as fit a quantity of any size."""
    if value == int(value) and abs(value) < 1e6:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.4f}" if 0.001 <= abs(value) < 1 else f"{value:.3g}"
