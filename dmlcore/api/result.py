"""The result of a run, as stored and as read by everything after the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from dmlcore.api.values import EpochSummary, MarginAxis, MarginKind
from dmlcore.errors import ResultsError

SCHEMA = 3
"""The version of the result format that this dmlcore writes; it reads all versions up to this one."""


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
    """The part of the fingerprint without `data`. New in format 3, as is the field below."""
    data: Mapping[str, str | int] = field(factory=dict)
    """What its files contained: the digest of the list in the folder `.data` of the runs, and the number of files."""
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
    """Return the result as JSON; floats keep every digit."""
    return json.dumps(attrs.asdict(result), indent=1, ensure_ascii=False)


def from_json(text: str, place: str) -> Result:
    """Parse a stored result. Raises ResultsError, with the place, if this version can't read it."""
    with stored_values(text, place, "result", SCHEMA) as values:
        values["loss"] = LossFacts(**values.get("loss") or {"name": values["settings"]["loss"]["use"]})
        values["curve"] = tuple(EpochSummary(**epoch) for epoch in values["curve"])
        values["headline"] = tuple(values["headline"])
        values["warnings"] = tuple(values["warnings"])
        return Result(**values)


@contextmanager
def stored_values(text: str, place: str, kind: str, newest: int) -> Iterator[dict[str, Any]]:
    """Parse the JSON of a stored result or probe, up to format `newest`. Errors in the block mean that it is none."""
    try:
        values = json.loads(text)
        if values["schema"] > newest:
            raise ResultsError(
                f"{place}: the {kind} has format {values['schema']}, and this dmlcore reads up to {newest}."
                " Update dmlcore."
            )
        yield values
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{place}: not a {kind} of dmlcore ({error}). Move or delete it to run again.") from None
