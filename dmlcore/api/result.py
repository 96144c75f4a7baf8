"""The result of a run, as it is stored and as everything after the run reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

from dmlcore.api.values import EpochSummary, MarginAxis, MarginKind
from dmlcore.errors import DmlcoreError

SCHEMA = 2
"""The version of the result format that this dmlcore writes; it reads all up to it."""


@frozen
class LossFacts:
    """What a loss says of itself, for those who read its results."""

    name: str
    formula: str = ""
    """LaTeX, without dollar signs, in the part of it that matplotlib's mathtext draws; empty: not told."""
    margin: float | None = None
    margin_axis: MarginAxis | None = None
    """What the margin is measured on."""
    margin_kind: MarginKind | None = None
    """Whether it is a place on that axis or a difference of two."""


@frozen
class Result:
    """What one run gave, with all that is needed to say what its numbers mean."""

    study: str
    question: str
    run: str
    fingerprint: str
    seed: int
    point: Mapping[str, Any]
    """The grid's values of the run, by dotted path."""
    settings: Mapping[str, Any]
    """The resolved study, defaults written out."""
    versions: Mapping[str, str]
    protocol: Mapping[str, Any]
    """What the numbers were measured under: data, transforms, weights, which epoch was chosen by what."""
    metrics: Mapping[str, float]
    """Metrics on the test classes, named evaluator/metric."""
    baseline: Mapping[str, float]
    """The same metrics of the backbone's pooled features before training: row 0 of every table."""
    headline: tuple[str, ...]
    """The metrics that a short table shows."""
    curve: tuple[EpochSummary, ...]
    """One entry an epoch; the first is the untrained network."""
    seconds: float
    environment: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    loss: LossFacts = LossFacts("")
    """New in format 2, as are the fields below it."""
    geometry: Mapping[str, float] = field(factory=dict)
    """Figures of the test embeddings that explain the metrics, such as effective_rank: `dmlcore.engine.geometry`."""
    baseline_geometry: Mapping[str, float] = field(factory=dict)
    """The same figures of the untrained network's features."""
    peak_memory: int | None = None
    """Most bytes held at once: by the device where it counts them, else by the process."""
    components: Mapping[str, str] = field(factory=dict)
    """Dotted path of each component, such as loss.miner → where it came from, as "distribution/name version"."""
    schema: int = field(default=SCHEMA)


@frozen
class StudyResults:
    """What is stored of a study with at least one finished run: what sections of its report are made from."""

    name: str
    question: str
    varied: tuple[str, ...]
    """The dotted paths of its grid."""
    results: tuple[Result, ...]
    """Of the finished runs, in the order of the grid."""
    folders: Mapping[str, Path]
    """Result.run → the run's folder, with `result.json`, `embeddings.safetensors` and `model.safetensors`."""


def to_json(result: Result) -> str:
    """The result as JSON; floats keep every digit."""
    return json.dumps(attrs.asdict(result), indent=1, ensure_ascii=False)


def from_json(text: str, place: str) -> Result:
    """A stored result. Raises DmlcoreError, naming the place, where it can't be read by this version."""
    try:
        values = json.loads(text)
        if values["schema"] > SCHEMA:
            raise DmlcoreError(
                f"{place}: the result has format {values['schema']}, and this dmlcore reads up to {SCHEMA}."
                " Update dmlcore."
            )
        values["loss"] = LossFacts(**values.get("loss", {"name": values["settings"]["loss"]["use"]}))
        values["curve"] = tuple(EpochSummary(**epoch) for epoch in values["curve"])
        values["headline"] = tuple(values["headline"])
        values["warnings"] = tuple(values["warnings"])
        return Result(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise DmlcoreError(f"{place}: not a result of dmlcore ({error}). Move it away to run again.") from None
