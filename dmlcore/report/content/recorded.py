"""The quantities that runs record in addition to their metrics, over the seeds of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dmlcore.api.result import Result
from dmlcore.report.content.quantities import GEOMETRY, TRAINING, ZERO_LOSS
from dmlcore.report.content.statistics import Spread


def recorded(result: Result) -> dict[str, float]:
    """Return name → value: the quantities of the test embeddings, and those of the last epoch that has any.

    The share of steps with zero loss is the mean over all epochs, so that early zeros count as well.
    """
    epochs = [epoch.diagnostics for epoch in result.curve if epoch.diagnostics]
    figures = {f"{GEOMETRY}{name}": value for name, value in result.geometry.items()}
    figures |= {f"{TRAINING}{name}": value for name, value in (epochs[-1] if epochs else {}).items()}
    zero = [epoch["zero_loss_steps"] for epoch in epochs if "zero_loss_steps" in epoch]
    if zero:
        figures[ZERO_LOSS] = math.fsum(zero) / len(zero)
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def recorded_of(results: Sequence[Result]) -> dict[str, Spread]:
    """Return name → spread over runs, of the quantities that every run has."""
    runs = [recorded(result) for result in results]
    names = [name for name in runs[0] if all(name in run for run in runs)] if runs else []
    return {name: Spread.of([run[name] for run in runs]) for name in names}


def averaged_recorded(rows: Sequence[Mapping[str, Spread]]) -> dict[str, Spread]:
    """Return the mean of rows; its deviation is the rows' own over seeds, pooled, not the one between rows."""
    averages = {}
    for name in (name for name in rows[0] if all(name in row for row in rows)):
        deviations = [sd for row in rows if (sd := row[name].sd) is not None]
        pooled = math.sqrt(math.fsum(sd**2 for sd in deviations) / len(rows)) if len(deviations) == len(rows) else None
        averages[name] = Spread(math.fsum(row[name].mean for row in rows) / len(rows), pooled)
    return averages
