"""Runs the evaluators of a study on embeddings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from dmlcore.api.components import EvaluatorConfig, MetricWarning
from dmlcore.api.progress import work
from dmlcore.api.values import Embeddings
from dmlcore.errors import DataError, MeasurementError, PluginError, StudyError, TrainingError
from dmlcore.host.faults import faults_of, named
from dmlcore.neighbors import VectorError
from dmlcore.study.schema import Study

NOT_MEASURED = "not measured by "
"""How the note on an evaluator begins that can't measure a network's embeddings."""


@frozen
class Measurement:
    """What evaluators measured on embeddings, and why others could not."""

    metrics: Mapping[str, float]
    """Named evaluator/metric."""
    notes: Sequence[str]
    """Caveats about the metrics, each with the evaluator's name."""
    refused: Mapping[str, MeasurementError] = {}
    """The evaluators without metrics, each with the reason."""

    def require_some(self) -> Self:
        """Return it, or raise the first reason if nothing was measured."""
        if self.refused and not self.metrics:
            raise next(iter(self.refused.values()))
        return self


def measure(
    evaluators: Iterable[EvaluatorConfig],
    embeddings: Embeddings,
    gallery: Embeddings | None = None,
    label: str = "",
) -> Measurement:
    """Return the metrics of embeddings. An evaluator that can't measure them does not stop the others.

    Without a gallery, each embedding is compared with all others. `label` precedes the evaluator's name in progress.
    Raises PluginError if an evaluator fails.
    """
    metrics: dict[str, float] = {}
    notes: list[str] = []
    refused: dict[str, MeasurementError] = {}
    for evaluator in evaluators:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", MetricWarning)
            try:
                with _refusals(evaluator, "evaluate"), work(label + evaluator.name, stage="evaluate"):
                    values = _mapping(evaluator, "evaluate", evaluator.evaluate(embeddings, gallery))
            except MeasurementError as error:
                refused[evaluator.name] = error
                values = {}
        metrics |= {f"{evaluator.name}/{name}": _number(evaluator, name, value) for name, value in values.items()}
        notes += [f"{evaluator.name}: {note.message}" for note in caught if issubclass(note.category, MetricWarning)]
        for note in caught:
            if not issubclass(note.category, MetricWarning):
                warnings.warn_explicit(note.message, note.category, note.filename, note.lineno)
    return Measurement(metrics, notes, refused)


def measure_network(evaluators: Iterable[EvaluatorConfig], embeddings: Embeddings, label: str = "") -> Measurement:
    """Return the metrics of a network's embeddings, with a note for each evaluator that can't measure them.

    Raises TrainingError if their values can't be measured, DataError if no evaluator can measure the samples.
    """
    found = measure(evaluators, embeddings, label=label)
    for error in found.refused.values():
        _require_usable(error)
    if found.refused and not found.metrics:
        reasons = " ".join(str(error) for error in found.refused.values())
        raise DataError(f"{reasons} Check the split of the data set.")
    return evolve(found, notes=[*found.notes, *(f"{NOT_MEASURED}{error}" for error in found.refused.values())])


def per_query(
    evaluators: Iterable[EvaluatorConfig], embeddings: Embeddings, gallery: Embeddings | None = None
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the values per query (N,) of the metrics that are means over queries, named evaluator/metric.

    An evaluator that can't measure the samples has none. Raises PluginError if an evaluator returns anything else,
    TrainingError if the values of the embeddings can't be measured.
    """
    queries: dict[str, npt.NDArray[np.float64]] = {}
    for evaluator in evaluators:
        try:
            with _refusals(evaluator, "per_query"):
                values = _mapping(evaluator, "per_query", evaluator.per_query(embeddings, gallery))
        except MeasurementError as error:
            _require_usable(error)
            continue
        for name, each in values.items():
            queries[f"{evaluator.name}/{name}"] = _one_a_query(evaluator, name, each, len(embeddings))
    return queries


def _require_usable(error: MeasurementError) -> None:
    if error.of_values:
        raise TrainingError(
            f"{error} The embeddings of the network can't be evaluated: lower the learning rate, or check the initial"
            " weights."
        ) from None


@contextmanager
def _refusals(evaluator: EvaluatorConfig, where: str) -> Iterator[None]:
    try:
        with faults_of(evaluator, where, passing=(ValueError,)):
            yield
    except ValueError as error:
        raise MeasurementError(f"{evaluator.name}: {error}.", of_values=isinstance(error, VectorError)) from error
    except (DataError, StudyError) as error:  # the evaluator's own words
        words = " ".join(str(error).removeprefix(f"{evaluator.name}: ").split())
        raise MeasurementError(f"{evaluator.name}: {words}", of_values=False) from error


def _mapping(evaluator: EvaluatorConfig, method: str, values: object) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise PluginError(
            f"The {named(evaluator)} returns {values!r} in {method}; expected a mapping of metric names to values."
        )
    return values


def _one_a_query(evaluator: EvaluatorConfig, name: str, values: np.ndarray, count: int) -> npt.NDArray[np.float64]:
    numbers = np.asarray(values)
    if numbers.shape != (count,) or numbers.dtype.kind not in "biuf" or np.isinf(numbers).any():
        raise PluginError(
            f"The {named(evaluator)} returns {numbers.dtype} {numbers.shape} for {name!r} by query; expected one number"
            f" for each of the {count:,} queries, finite, or NaN for an excluded query."
        )
    return numbers.astype(np.float64)


def _number(evaluator: EvaluatorConfig, name: str, value: object) -> float:
    number = float(value) if isinstance(value, int | float | np.number) else math.nan
    if not math.isfinite(number):
        raise PluginError(f"The {named(evaluator)} returns {value!r} for {name!r}; expected a finite number.")
    return number


def is_measured(study: Study, epoch: int) -> bool:
    """Whether the test classes are evaluated right after this epoch; those of the result are evaluated at the end."""
    if epoch == study.training.epochs and study.evaluation.select == "last":
        return False
    return study.evaluation.every > 0 and epoch % study.evaluation.every == 0


def headline(evaluators: Sequence[EvaluatorConfig], metrics: Iterable[str]) -> tuple[str, ...]:
    """Return the metrics of short tables: the evaluators' headlines, or all metrics of an evaluator without one."""
    wanted = {f"{e.name}/{name}" for e in evaluators for name in e.headline}
    whole = {e.name for e in evaluators if not e.headline}
    return tuple(name for name in metrics if name in wanted or name.partition("/")[0] in whole)
