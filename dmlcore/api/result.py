"""The result of a run, as stored and as read by everything after the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from dmlcore.api import stored
from dmlcore.api.values import EpochSummary, MarginAxis, MarginKind

SCHEMA = 3
"""The version of the result format that this dmlcore writes; it reads all versions up to this one."""

SEALED = 3
"""The first format with a checksum."""


@frozen
class LossFacts:
    """Facts about a loss, for readers of its results."""

    name: str
    formula: str = ""
    """LaTeX without dollar signs, in the subset of matplotlib's mathtext; empty if not given."""
    margin: float | None = None
    margin_axis: MarginAxis | None = None
    """The quantity that the margin applies to."""
    margin_kind: MarginKind | None = None
    """Whether it is a position on that axis or a difference of two."""


@frozen
class Result:
    """The result of one run, with everything needed to interpret its numbers."""

    study: str
    question: str
    run: str
    fingerprint: str
    seed: int
    point: Mapping[str, Any]
    """The run's values of the grid, by dotted path."""
    settings: Mapping[str, Any]
    """The resolved study, including defaults."""
    versions: Mapping[str, str]
    protocol: Mapping[str, Any]
    """The evaluation protocol: data, transforms, weights, and how the epoch was selected."""
    metrics: Mapping[str, float]
    """Metrics on the test classes, named evaluator/metric."""
    baseline: Mapping[str, float]
    """The same metrics of the backbone's pooled features before training: row 0 of every table."""
    headline: tuple[str, ...]
    """The metrics of short tables."""
    curve: tuple[EpochSummary, ...]
    """One entry per epoch; the first is the untrained network."""
    seconds: float
    environment: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    loss: LossFacts = LossFacts("")
    """New in format 2, as are the fields below."""
    geometry: Mapping[str, float] = field(factory=dict)
    """Figures of the test embeddings that explain the metrics, such as effective_rank: `dmlcore.engine.geometry`."""
    baseline_geometry: Mapping[str, float] = field(factory=dict)
    """The same figures of the untrained network's features."""
    peak_memory: int | None = None
    """Peak bytes: of the device if it reports them, else of the process."""
    components: Mapping[str, str] = field(factory=dict)
    """Dotted path of each component, such as loss.miner → its origin, as "distribution/name version"."""
    settings_fingerprint: str = ""
    """The part of the fingerprint without `data`. New in format 3, as are the fields below."""
    data: Mapping[str, str | int] = field(factory=dict)
    """What its files contained: the digest of the list in the folder `.data` of the runs, and the number of files."""
    files: Mapping[str, str] = field(factory=dict)
    """Name of each file that the run stored next to its result → sha256."""
    schema: int = field(default=SCHEMA)


@frozen
class StudyResults:
    """The stored results of a study with at least one finished run, for the sections of its report."""

    name: str
    question: str
    varied: tuple[str, ...]
    """The dotted paths of its grid."""
    results: tuple[Result, ...]
    """Of the finished runs, in grid order."""
    folders: Mapping[str, Path]
    """Result.run → the run's folder, with `result.json`, `embeddings.safetensors` and `model.safetensors`."""


def to_json(result: Result) -> str:
    """Return the result as JSON, with a checksum; floats keep every digit."""
    return stored.to_json(result)


def from_json(text: str, place: str) -> Result:
    """Parse a stored result of any format.

    Raises DamagedResultsError, with the place, if it is none, and ResultsError if its format is newer.
    """
    result = stored.from_json(text, place, "result", Result, newest=SCHEMA, sealed=SEALED, complete=_complete)
    if result.schema < SEALED and (problem := _problem(result)):
        raise stored.damaged(place, "result", problem)
    return result


_FACTS = ("train_images", "train_classes", "test_images", "test_classes", "epoch")
_TABLES = ("dataset", "backbone", "loss", "sampler", "embedding", "transforms", "training", "optimizer", "scheduler")
"""What the protocol and the settings of every result of the formats without a checksum have."""


_LARGEST = 1e30
"""Larger than any quantity that a run records, small enough to be squared."""


def _numbers(result: Result) -> Iterator[float]:
    """The numbers that were measured."""
    yield from (result.seconds, result.peak_memory or 0, result.loss.margin or 0)
    tables = [result.metrics, result.baseline, result.geometry, result.baseline_geometry]
    for epoch in result.curve:
        yield from (epoch.loss or 0, epoch.learning_rate or 0, epoch.seconds, epoch.images_per_second or 0)
        tables += [epoch.test or {}, epoch.validation or {}, epoch.diagnostics]
    for table in tables:
        yield from table.values()


def _complete(values: dict[str, Any]) -> None:
    """Add the loss to a result of format 1."""
    if "loss" not in values:
        values["loss"] = {"name": values["settings"]["loss"]["use"]}


def _problem(result: Result) -> str:
    """Return why the fields of a result without a checksum contradict each other; empty if they don't."""
    facts = [name for name in result.protocol if name.endswith(("_images", "_classes"))]
    for name in dict.fromkeys((*_FACTS, *facts, *(fact.replace("_images", "_classes") for fact in facts))):
        if type(result.protocol.get(name)) is not int:
            return f"protocol.{name}: it is not a number"
    for name in _TABLES:
        if not isinstance(result.settings.get(name, {}), Mapping):
            return f"settings.{name}: it is not a table"
    if not all(abs(value) < _LARGEST for value in _numbers(result)):
        return "a number is not finite or too large"
    if [epoch.epoch for epoch in result.curve] != list(range(len(result.curve))):
        return "curve: the epochs are not 0, 1, 2 …"
    if result.protocol["epoch"] not in range(len(result.curve)):
        return "protocol.epoch: it is not in the curve"
    missing = [name for name in result.headline if name not in result.metrics]
    return f"headline: {missing[0]} is not in the metrics" if missing else ""
