"""The protocol: the conditions that the numbers of a table were measured under, and where its rows differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.naming import setting_name
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
    """Return how the rows differ in settings outside the grid, and a folded table of what they share."""
    facts = protocols(material)
    found = _by_value({row.short: facts[row.label] for row in material.trained}, "not stated")
    caption = "Rows also differ in settings outside the grid"
    blocks: list[Block] = list(_differing(found, caption, material.row_heading))
    if not blocks and len(material.trained) > 1:
        blocks.append(Text(f"The rows differ only in the grid: {listing(map(setting_name, material.varied))}."))
    return [*blocks, *_shared(found, "Settings of all rows")]


def shared_protocol(materials: Sequence[StudyMaterial]) -> list[Block]:
    """Return how several studies differ, and a folded table of the settings that all their runs share.

    A study's grid counts as one setting. Studies without results are omitted.
    """
    studies = {material.name: _of_study(material) for material in materials if material.results}
    found = _by_value(studies, "set by the grid, or not used")
    return [
        *_differing(found, "Settings that differ between the studies", "studies"),
        *_shared(found, "Settings of all studies"),
    ]


def _of_study(material: StudyMaterial) -> dict[str, str]:
    """The grid of a study, and the facts of its rows."""
    values: dict[str, dict[str, None]] = {"grid": {_grid(material): None}}
    for name, value in (fact for row in protocols(material).values() for fact in row.items()):
        values.setdefault(name, {})[value] = None
    return {name: " or ".join(found) for name, found in values.items()}


def _grid(material: StudyMaterial) -> str:
    """ "embedding dimension: 32, 64; margin: 0.1, 0.5"."""
    values: dict[str, dict[str, None]] = {path: {} for path in material.varied}
    for path, value in (pair for row in material.trained for pair in row.point.items()):
        values[path][material.names.value(path, value)] = None
    return "; ".join(f"{setting_name(path)}: {listing(found)}" for path, found in values.items()) or "none"


Values = Mapping[str, Mapping[str, Sequence[str]]]
"""Name of a fact → value → the labels of those that have it."""


def _by_value(facts: Mapping[str, Mapping[str, str]], absent: str) -> Values:
    """facts: label → name → value. absent: the value of a label without that fact."""
    values: dict[str, dict[str, list[str]]] = {}
    for name in dict.fromkeys(name for found in facts.values() for name in found):
        for label, found in facts.items():
            values.setdefault(name, {}).setdefault(found.get(name, absent), []).append(label)
    return values


def _differing(found: Values, caption: str, who: str) -> Iterator[Table]:
    rows = [
        (name, value, listing(labels))
        for name, values in found.items()
        for value, labels in values.items()
        if len(values) > 1
    ]
    if rows:
        yield Table(("setting", "value", who), rows, caption, words=3)


def _shared(found: Values, caption: str) -> Iterator[Table]:
    rows = [(name, *values) for name, values in found.items() if len(values) == 1]
    if rows:
        yield Table(("setting", "value"), rows, caption, words=2, folded=True)


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
    if isinstance(value, list | tuple):
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
