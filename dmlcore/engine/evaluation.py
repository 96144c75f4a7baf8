"""Runs the evaluators of a study over embeddings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence

from dmlcore.components import EvaluatorConfig, MetricWarning
from dmlcore.errors import PluginError, TrainingError
from dmlcore.study.schema import Study
from dmlcore.values import Embeddings


def measure(
    evaluators: Iterable[EvaluatorConfig], embeddings: Embeddings, gallery: Embeddings | None = None
) -> tuple[dict[str, float], list[str]]:
    """Metrics named evaluator/metric, and what the evaluators have to say about them.

    Without a gallery each embedding is measured against all others.
    Raises TrainingError where the embeddings can't be measured (NaN, inf).
    """
    metrics: dict[str, float] = {}
    notes: list[str] = []
    for evaluator in evaluators:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", MetricWarning)
            try:
                values = evaluator.evaluate(embeddings, gallery)
            except ValueError as error:
                raise TrainingError(f"The embeddings can't be measured by {evaluator.name!r}: {error}") from error
        metrics |= {f"{evaluator.name}/{name}": _number(evaluator, name, value) for name, value in values.items()}
        notes += [f"{evaluator.name}: {note.message}" for note in caught if issubclass(note.category, MetricWarning)]
        for note in caught:
            if not issubclass(note.category, MetricWarning):
                warnings.warn_explicit(note.message, note.category, note.filename, note.lineno)
    return metrics, notes


def _number(evaluator: EvaluatorConfig, name: str, value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise PluginError(f"The evaluator {evaluator.name!r} gives {number} for {name!r}; a metric must be finite.")
    return number


def is_measured(study: Study, epoch: int) -> bool:
    """Whether the test classes are measured right after this epoch; the result's own measurement comes at the end."""
    if epoch == study.training.epochs and study.evaluation.select == "last":
        return False
    return study.evaluation.every > 0 and epoch % study.evaluation.every == 0


def headline(evaluators: Sequence[EvaluatorConfig], metrics: Iterable[str]) -> tuple[str, ...]:
    """The metrics that a short table shows: those that the evaluators name first, or all."""
    wanted = {f"{e.name}/{name}" for e in evaluators for name in e.headline}
    whole = {e.name for e in evaluators if not e.headline}
    return tuple(name for name in metrics if name in wanted or name.partition("/")[0] in whole)
