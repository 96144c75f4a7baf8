"""Metrics of saved embeddings, without a study."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from dmlcore import __version__
from dmlcore.api.components import EvaluatorConfig
from dmlcore.api.values import Embeddings
from dmlcore.engine.evaluation import measure
from dmlcore.errors import DataError, DmlcoreError, MeasurementError, PluginError, StudyError
from dmlcore.host.registry import Registry
from dmlcore.study.component import component_from, options_by_component
from dmlcore.study.structure import plain
from dmlcore.text import counted


@frozen
class EmbeddingMetrics:
    """Metrics of embeddings, named evaluator/metric, with their source and evaluators."""

    source: str
    queries: Embeddings
    gallery: Embeddings | None
    evaluators: tuple[EvaluatorConfig, ...]
    metrics: Mapping[str, float]
    notes: tuple[str, ...]
    not_measured: Mapping[str, str]
    """Evaluator without metrics → the reason."""
    plugin_failed: bool
    """Whether such a reason is a fault of the evaluator, not of the embeddings."""

    @property
    def title(self) -> str:
        """One line: the file, and the numbers of embeddings, classes and dimensions."""
        against = f", ranked against {_words(self.gallery)}" if self.gallery else ""
        return f"{self.source}: {_words(self.queries)}{against}, D = {self.queries.vectors.shape[1]:,}"

    def as_json(self) -> str:
        """Everything but the embeddings, as JSON; floats keep every digit."""
        return json.dumps(
            {
                "source": self.source,
                "queries": _counts(self.queries),
                "gallery": _counts(self.gallery) if self.gallery else None,
                "evaluators": [plain(evaluator, Path()) for evaluator in self.evaluators],
                "metrics": dict(self.metrics),
                "not_measured": dict(self.not_measured),
                "notes": list(self.notes),
                "dmlcore": __version__,
            },
            indent=1,
            ensure_ascii=False,
        )


def measure_embeddings(
    source: str,
    queries: Embeddings,
    gallery: Embeddings | None,
    evaluators: Sequence[EvaluatorConfig],
    notes: Sequence[str] = (),
) -> EmbeddingMetrics:
    """The metrics of embeddings; `source` names them in messages, and `notes` precede those of the evaluators.

    An evaluator without metrics does not stop the others. Raises StudyError if queries and gallery can't be compared;
    if nothing is measured, PluginError or DataError with every reason.
    """
    if gallery is not None:
        _check_alike(queries, gallery)
    metrics: dict[str, float] = {}
    caveats = list(notes)
    errors: dict[str, MeasurementError | PluginError] = {}
    for evaluator in evaluators:
        try:
            found = measure([evaluator], queries, gallery)
        except PluginError as error:
            errors[evaluator.name] = error
        else:
            metrics |= found.metrics
            caveats += found.notes
            errors |= found.refused
    if errors and not metrics:
        raise _nothing_measured(source, list(errors.values()))
    faulty = any(isinstance(error, PluginError) for error in errors.values())
    reasons = {name: str(error).removeprefix(f"{name}: ") for name, error in errors.items()}
    return EmbeddingMetrics(source, queries, gallery, tuple(evaluators), metrics, tuple(caveats), reasons, faulty)


def _nothing_measured(source: str, errors: Sequence[MeasurementError | PluginError]) -> DmlcoreError:
    faults = [error for error in errors if isinstance(error, PluginError)]
    if faults:
        return faults[0]
    of_values = any(isinstance(error, MeasurementError) and error.of_values for error in errors)
    remedy = "Remove these rows, or fix their source." if of_values else "Check the labels."
    return DataError("\n".join(f"{source}: {error}" for error in errors), remedy)


def chosen_evaluators(names: Sequence[str], settings: Sequence[str], registry: Registry) -> tuple[EvaluatorConfig, ...]:
    """The evaluators of these names, with options given as "retrieval.recall_at=[1, 10]".

    Raises UnknownComponentError for an unknown name, StudyError for wrong options.
    """
    offers = {offer.component.name: offer for offer in (registry.find("evaluator", name) for name in names)}
    options = options_by_component(settings, offers)
    evaluators, problems = [], []
    for name, offer in offers.items():
        try:
            evaluators.append(component_from(EvaluatorConfig, offer.full_name, options[name], registry, (name,)))
        except StudyError as error:
            problems.append(str(error))
    if problems:
        raise StudyError("\n\n".join(problems))
    return tuple(evaluators)


def _check_alike(queries: Embeddings, gallery: Embeddings) -> None:
    if queries.vectors.shape[1] != gallery.vectors.shape[1]:
        raise StudyError(
            f"The queries have {queries.vectors.shape[1]:,} dimensions, the gallery {gallery.vectors.shape[1]:,}. "
            "Both must come from the same network."
        )
    if bool(queries.class_names) != bool(gallery.class_names):
        raise StudyError(
            "The labels are names in one file and numbers in the other, so they can't be matched. "
            "Use names in both, or numbers in both."
        )


def _words(embeddings: Embeddings) -> str:
    counts = _counts(embeddings)
    return f"{counted(counts['samples'], 'embedding')} of {counted(counts['classes'], 'class')}"


def _counts(embeddings: Embeddings) -> dict[str, Any]:
    return {
        "samples": len(embeddings),
        "dimensions": embeddings.vectors.shape[1],
        "classes": len(set(embeddings.labels.tolist())),
    }
