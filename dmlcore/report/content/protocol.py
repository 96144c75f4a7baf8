"""The protocol: the conditions that the numbers of a table were measured under, and where its rows differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.text import listing, value_text

_COMPONENTS = ("backbone", "embedding", "loss", "sampler")

_PROTOCOL = (
    ("weights", "weights", ("backbone",)),
    ("pooling", "pooling", ("embedding.pooling", "backbone")),
    ("BatchNorm", "batchnorm", ("training.freeze_batchnorm",)),
    ("epochs", "epochs", ("training.epochs",)),
    ("epoch selected by", "selected_by", ("evaluation.select", "evaluation.metric")),
)
"""Name of a fact, its key in Result.protocol, and the settings that decide it."""

_TRAINING = (
    ("batch size", "batch_size"),
    ("precision", "precision"),
    ("steps per epoch at most", "max_steps"),
    ("decay of averaged weights", "ema_decay"),
    ("warm-up of that decay", "ema_warmup"),
)


def protocols(material: StudyMaterial) -> dict[str, dict[str, str]]:
    """Return label of a trained row → name of a fact → its value, without what the grid itself varies."""
    found = {}
    for row in material.trained:
        facts: dict[str, dict[str, None]] = {}
        for result in row.results:
            for name, fact in _facts(result, material.varied):
                facts.setdefault(name, {})[fact] = None
        seeds = listing(str(result.seed) for result in row.results)
        found[row.label] = {name: " or ".join(values) for name, values in facts.items()} | {"seeds": seeds}
    return found


def protocol_blocks(material: StudyMaterial) -> list[Block]:
    """Return a table of what all rows share, and a note for each fact in which they differ."""
    rows = protocols(material)
    shared, notes = [], []
    for name in dict.fromkeys(name for facts in rows.values() for name in facts):
        values: dict[str, list[str]] = {}
        for label, facts in rows.items():
            values.setdefault(facts.get(name, "not stated"), []).append(label)
        if len(values) == 1:
            shared.append((name, *values))
        else:
            parts = "; ".join(f"{value} ({listing(labels)})" for value, labels in values.items())
            notes.append(Text(f"Rows also differ in settings outside the grid. {name}: {parts}."))
    return [*([Table(("setting", "value of all rows"), shared, words=2)] if shared else []), *notes]


def _facts(result: Result, varied: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The facts of one run that don't follow from a varied path."""
    protocol, settings = result.protocol, _without(result.settings, varied)
    if not _touches(varied, "dataset", "evaluation"):
        yield "data", _data(protocol, settings)
    if "transforms" in protocol and not _touches(varied, "transforms", "backbone"):
        yield "transforms", value_text_of(_with_crop(protocol["transforms"]))
    yield from ((name, value_text_of(settings[name])) for name in _COMPONENTS if settings.get(name))
    for name, key, sources in _PROTOCOL:
        if key in protocol and not _touches(varied, *sources):
            yield name, str(protocol[key])
    if protocol.get("epochs") != 0:
        training = settings.get("training", {})
        yield from ((name, value_text(training[key])) for name, key in _TRAINING if key in training)
        yield from ((name, value_text_of(settings[name])) for name in ("optimizer", "scheduler") if settings.get(name))
    yield "versions", ", ".join(f"{name} {version}" for name, version in _versions(result, varied))
    others = [
        f"{path} = {source}"
        for path, source in result.components.items()
        if not source.startswith("dmlcore/") and not any(f"{path}.".startswith(f"{other}.") for other in varied)
    ]
    if others:
        yield "components of other distributions", listing(others)
    yield "device", str(result.environment.get("device", "not stated"))


def _with_crop(transforms: Any) -> Any:
    """Transforms with their `test_crop`; results from before that option cropped the center."""
    return (
        {**transforms, "test_crop": transforms.get("test_crop", "center")}
        if isinstance(transforms, Mapping)
        else transforms
    )


def _data(protocol: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    name = settings.get("dataset", {}).get("use", "")
    held = (
        f", validated on {protocol['validation_images']:,} of {protocol['validation_classes']:,} held-out classes"
        if "validation_images" in protocol
        else ""
    )
    trained = f"trained on {protocol['train_images']:,} images of {protocol['train_classes']:,} classes{held}, "
    if protocol.get("epochs") == 0:
        trained = ""
    return (
        f"{name + ', ' if name else ''}{trained}measured on {protocol['test_images']:,} images of"
        f" {protocol['test_classes']:,} classes not seen in training"
    )


def _versions(result: Result, varied: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A varied component may need other libraries; only what every run needs is listed then."""
    for name, version in result.versions.items():
        if not _touches(varied, "loss", "backbone", "sampler", "dataset") or name in ("dmlcore", "torch"):
            yield name, version


def value_text_of(table: Any) -> str:
    """Return a table of settings as short text; a component by its name."""
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
    """Whether the grid varies one of the paths, a part of one, or a table that contains one."""
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
