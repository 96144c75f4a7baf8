"""How a report names settings and their values: as a person says them, short and still distinct."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen

from dmlcore.text import listing, point_label, value_text

SETTINGS = {
    "embedding.dim": "embedding dimension",
    "loss.margin": "margin",
    "training.batch_size": "batch size",
    "optimizer.learning_rate": "learning rate",
    "sampler.samples_per_class": "images per class in a batch",
}
"""Dotted path → its name, where that is not the last part of the path."""

COMPONENT = "use"
"""The key of a component's name in its table."""


def setting_name(path: str) -> str:
    """ "embedding.dim" → "embedding dimension"; "loss.miner.triplets" → "miner triplets"; "loss" → "loss"."""
    parts = [part for part in path.split(".") if part != COMPONENT] or [path]
    return SETTINGS.get(path) or " ".join(parts[1:] or parts).replace("_", " ")


def short_values(values: Sequence[object]) -> list[str]:
    """Return each value of a path as text: a component by its name and the options in which it differs from others.

    Values that stay the same when shortened are written in full.
    """
    full = [value_text(value) for value in values]
    names = [str(value.get(COMPONENT, "")) if isinstance(value, Mapping) else "" for value in values]
    short = []
    for value, name, text in zip(values, names, full, strict=True):
        twins = [other for other in values if isinstance(other, Mapping) and str(other.get(COMPONENT, "")) == name]
        short.append(_short(value, name, twins) if isinstance(value, Mapping) and name else text)
    distinct = len(set(short)) == len(set(full))
    return short if distinct else full


def _short(value: Mapping[str, object], name: str, twins: Sequence[Mapping[str, object]]) -> str:
    options = [dict(_options(twin)) for twin in twins]
    own = dict(_options(value))
    differing = [key for key in dict.fromkeys(key for each in options for key in each) if _differs(key, options)]
    shown = [key for key in differing if not _known_by_its_options(key, own, options, differing)]
    return listing([name, *(text for key in shown if (text := _option_text(key, own)))])


def _known_by_its_options(
    key: str, own: Mapping[str, object], options: Sequence[Mapping[str, object]], differing: Sequence[str]
) -> bool:
    """Whether a key is the name of a component that is the same wherever there is one, and one of its words differs."""
    table, _, last = key.rpartition(".")
    if last != COMPONENT or len({each[key] for each in options if key in each}) > 1:
        return False
    return any(
        other.startswith(f"{table}.") and other != key and isinstance(own.get(other), str) for other in differing
    )


def _options(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every option of a component and of the components in it, by dotted path, without the component's own name."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _options(value, f"{prefix}{key}.")
        if key != COMPONENT or prefix:
            yield f"{prefix}{key}", value


def _differs(key: str, options: Sequence[Mapping[str, object]]) -> bool:
    if any(isinstance(each.get(key), Mapping) for each in options):
        return False  # its own options follow
    return any(each.get(key) != options[0].get(key) for each in options)


def _option_text(key: str, own: Mapping[str, object]) -> str:
    """ "margin 0.1"; words alone: "semihard"; a component that others have, as "no miner"; empty below one."""
    *tables, last = key.split(".")
    if key in own:
        value = own[key]
        return value_text(value) if isinstance(value, str) else f"{last.replace('_', ' ')} {value_text(value)}"
    return f"no {tables[-1]}" if last == COMPONENT else ""


@frozen
class Names:
    """The names of a grid's points."""

    _values: Mapping[str, Mapping[str, str]]
    """Path → value as full text → short text; empty if short names of two points would be the same."""

    @classmethod
    def of(cls, points: Iterable[Mapping[str, object]]) -> Names:
        """Return the names for these points, which are all that are shown together."""
        distinct = {point_label(point): point for point in points}
        found: dict[str, dict[str, object]] = {}
        for point in distinct.values():
            for path, value in point.items():
                found.setdefault(path, {})[value_text(value)] = value
        names = cls({path: dict(zip(v, short_values(list(v.values())), strict=True)) for path, v in found.items()})
        return names if len({names.point(point) for point in distinct.values()}) == len(distinct) else cls({})

    def value(self, path: str, value: object) -> str:
        """ "64"; "triplet, semihard"."""
        text = value_text(value)
        return self._values.get(path, {}).get(text, text)

    def point(self, point: Mapping[str, object]) -> str:
        """ "embedding dimension 64, margin 0.1"; empty without a grid."""
        if not self._values:
            return point_label(point)
        return listing(with_value(path, value, self.value(path, value)) for path, value in point.items())

    def short(self, point: Mapping[str, object]) -> str:
        """ "64" where a title names the only setting that varies; else as `point`."""
        if not self._values or len(point) != 1:
            return self.point(point)
        return "".join(self.value(path, value) for path, value in point.items())


def with_value(path: str, value: object, text: str) -> str:
    """ "margin 0.5"; a component and a text need no name before them: "triplet, semihard"."""
    return text if isinstance(value, Mapping | str) else f"{setting_name(path)} {text}"
