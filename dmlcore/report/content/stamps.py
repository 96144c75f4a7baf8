"""The protocol stamp: what every number of a table was measured under, and where its rows differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from dmlcore.api.blocks import Text
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import Measured
from dmlcore.text import listing, value_text


@frozen
class Stamp:
    """The protocol of one row: name of a fact → what it is."""

    row: str
    facts: Mapping[str, str]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {fact}" for name, fact in self.facts.items())


def row_stamps(material: StudyMaterial) -> tuple[Stamp, ...]:
    """A stamp a trained row, without what the grid itself varies."""
    return tuple(_stamp(row, material.varied) for row in material.rows if not row.untrained)


def stamp_texts(stamps: Sequence[Stamp]) -> list[Text]:
    """One line for what all rows share, and a footnote for each fact in which they differ."""
    names = dict.fromkeys(name for stamp in stamps for name in stamp.facts)
    shared, footnotes = [], []
    for name in names:
        rows: dict[str, list[str]] = {}
        for stamp in stamps:
            rows.setdefault(stamp.facts.get(name, "not stated"), []).append(stamp.row)
        if len(rows) == 1:
            shared.append(f"{name}: {next(iter(rows))}")
        else:
            parts = "; ".join(f"{fact} ({listing(labels)})" for fact, labels in rows.items())
            footnotes.append(Text(f"Mind that the rows differ in what the grid does not vary: {name}: {parts}."))
    line = "; ".join(shared)
    whose = "of all rows" if footnotes else "of every row"
    return [Text(f"Protocol {whose}: {line}."), *footnotes] if line else footnotes


def _stamp(row: Measured, varied: Sequence[str]) -> Stamp:
    facts: dict[str, dict[str, None]] = {}
    for result in row.results:
        for name, fact in _facts(result, varied):
            facts.setdefault(name, {})[fact] = None
    told = {name: " or ".join(values) for name, values in facts.items()}
    seeds = listing(str(result.seed) for result in row.results)
    return Stamp(row.label, told | {"seeds": seeds})


def _facts(result: Result, varied: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The facts of one run; what follows from a varied path is left out."""
    protocol, settings = result.protocol, _without(result.settings, varied)
    if not _touches(varied, "dataset", "evaluation"):
        yield "data", _data(protocol, settings)
    if "transforms" in protocol and not _touches(varied, "transforms", "backbone"):
        yield "transforms", value_text_of(protocol["transforms"])
    for name, path in (("backbone", "backbone"), ("embedding", "embedding"), ("loss", "loss"), ("sampler", "sampler")):
        if settings.get(path):
            yield name, value_text_of(settings[path])
    for name, key, sources in (
        ("weights", "weights", ("backbone",)),
        ("pooling", "pooling", ("embedding.pooling", "backbone")),
        ("BatchNorm", "batchnorm", ("training.freeze_batchnorm",)),
        ("epochs", "epochs", ("training.epochs",)),
        ("epoch chosen by", "selected_by", ("evaluation.select", "evaluation.metric")),
    ):
        if key in protocol and not _touches(varied, *sources):
            yield name, str(protocol[key])
    training = settings.get("training", {})
    for name, key in (
        ("batch size", "batch_size"),
        ("precision", "precision"),
        ("steps an epoch at most", "max_steps"),
        ("weights averaged with decay", "ema_decay"),
        ("warm-up of that decay", "ema_warmup"),
    ):
        if key in training:
            yield name, value_text(training[key])
    for name in ("optimizer", "scheduler"):
        if settings.get(name):
            yield name, value_text_of(settings[name])
    yield "versions", ", ".join(f"{name} {version}" for name, version in _versions(result, varied))
    others = [
        f"{path} = {source}"
        for path, source in result.components.items()
        if not source.startswith("dmlcore/") and not any(f"{path}.".startswith(f"{other}.") for other in varied)
    ]
    if others:
        yield "components of other distributions", listing(others)
    yield "device", str(result.environment.get("device", "not stated"))


def _data(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    name = settings.get("dataset", {}).get("use", "")
    held = (
        f", validated on {protocol['validation_images']:,} of {protocol['validation_classes']:,} held-out classes"
        if "validation_images" in protocol
        else ""
    )
    return (
        f"{name + ', ' if name else ''}trained on {protocol['train_images']:,} images of"
        f" {protocol['train_classes']:,} classes{held}, measured on {protocol['test_images']:,} images of"
        f" {protocol['test_classes']:,} classes never seen in training"
    )


def _versions(result: Result, varied: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A varied component may bring its own library: only what every run needs is told then."""
    for name, version in result.versions.items():
        if not _touches(varied, "loss", "backbone", "sampler", "dataset") or name in ("dmlcore", "torch"):
            yield name, version


def value_text_of(table: Any) -> str:
    """A table of settings in few words; a component by its name."""
    if not isinstance(table, Mapping):
        return value_text(table)
    use = f"{table['use']} " if "use" in table else ""
    rest = ", ".join(
        f"{key} {_inner_text(value)}" for key, value in table.items() if key != "use" and value is not None
    )
    return f"{use}({rest})" if use and rest else (use or rest).strip()


def _inner_text(value: Any) -> str:
    """A value within a table."""
    if isinstance(value, Mapping):
        return value_text_of(value) if "use" in value else f"({value_text_of(value)})"
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return f"[{', '.join(_inner_text(item) for item in value)}]"
    return value_text(value)


def _touches(varied: Sequence[str], *paths: str) -> bool:
    """Whether the grid varies one of the paths, a part of it, or what it is part of."""
    return any(
        path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.")
        for path in paths
        for other in varied
    )


def _without(table: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The settings without the entries at dotted paths."""
    kept = {}
    for key, value in table.items():
        if key in paths:
            continue
        below = [path.removeprefix(f"{key}.") for path in paths if path.startswith(f"{key}.")]
        kept[key] = _without(value, below) if below and isinstance(value, Mapping) else value
    return kept
