"""A JSON Schema of the study file with all installed components, for completion, help and checks in editors.

It accepts every file that `load_study` accepts. It does not check what depends on other files or other values:
conflicting options, and required options that `extends`, `[grid]` or `[best]` may provide. For editors that support
only draft 4, it uses `enum` instead of `const` and lists the options of all components of a kind unconditionally too.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

import attrs
from attrs import field, frozen

from dmlcore.api.components import OPTION, USE, Component, OptionFacts, option_key
from dmlcore.host.describe import OptionDescription, options, own_first
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.best import BEST, Best
from dmlcore.study.document import EXTENDS
from dmlcore.study.grid import GRID, NOT_VARIED
from dmlcore.study.load import NEEDED_TO_TRAIN, NO_PART_OF_A_RUN
from dmlcore.study.plugins import PLUGINS, REQUIRES, PluginsTable, RequiresTable
from dmlcore.study.schema import PROBE, ProbeTable, Study

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DEFINITIONS = "#/$defs/"

_TYPES: Mapping[object, str] = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


_NO_EPOCHS: Schema = {
    "required": ["training"],
    "properties": {"training": {"required": ["epochs"], "properties": {"epochs": {"enum": [0]}}}},
}

_NEEDED_UNLESS_IT_ONLY_MEASURES: Schema = {
    "if": {"not": _NO_EPOCHS},
    "then": {"required": [attribute.name for attribute in NEEDED_TO_TRAIN]},
}


def study_schema(registry: Registry) -> Schema:
    """The schema of a study file with the components of the registry."""
    definitions = _Definitions(registry)
    tables = {BEST: Best, PROBE: ProbeTable}
    return {
        "$schema": DIALECT,
        "title": "A study of dmlcore",
        "description": inspect.getdoc(Study),
        "type": "object",
        "properties": {
            EXTENDS: {"type": "string", "description": "study file to inherit from, relative to this one"},
            **definitions.properties(Study),
            GRID: _grid(definitions),
            **{name: definitions.table(cls) for name, cls in (tables | {PLUGINS: PluginsTable}).items()},
            REQUIRES: {
                "type": "object",
                "description": inspect.getdoc(RequiresTable),
                "additionalProperties": {"type": "string"},
            },
        },
        "additionalProperties": False,
        "allOf": [
            _unless([EXTENDS, GRID, BEST], definitions.whole_table(Study)),
            _unless([EXTENDS, GRID, BEST], _NEEDED_UNLESS_IT_ONLY_MEASURES),
            _unless([EXTENDS], {"properties": {name: definitions.whole_table(cls) for name, cls in tables.items()}}),
        ],
        "$defs": dict(sorted(definitions.made.items())),
    }


def _unless(keys: Iterable[str], schema: Schema) -> Schema:
    """Apply the schema only if none of the keys is given."""
    return {"if": {"not": {"anyOf": [{"required": [key]} for key in keys]}}, "then": schema}


def _grid(definitions: _Definitions) -> Schema:
    """Lists of values by dotted path; paths of at most two steps have the schema of their option."""
    values: Schema = {}
    for key, schema in definitions.properties(Study).items():
        if key not in NOT_VARIED:
            values[key] = schema
            inner = definitions.made.get(schema.get("$ref", "").removeprefix(_DEFINITIONS), {})
            values |= {f"{key}.{option}": value for option, value in inner.get("properties", {}).items()}
    first = "|".join(map(re.escape, sorted({path.partition(".")[0] for path in values} | set(NO_PART_OF_A_RUN))))
    return _object(
        "There is a run for each combination of these values and each seed.",
        {path: {"type": "array", "minItems": 1, "items": value} for path, value in values.items()},
        additionalProperties={"type": "array", "minItems": 1},
        propertyNames={"pattern": rf"^({first})(\.|$)"},
    )


@frozen
class _Definitions:
    """The shared definitions, each built once.

    Every kind and table has two: one for the given values, and `whole…` for the required ones.
    """

    registry: Registry
    made: dict[str, Schema] = field(factory=dict)

    def _defined(self, name: str, make: Callable[[], Schema]) -> Schema:
        if name not in self.made:
            self.made[name] = {}  # a kind may contain itself, as a sum of losses does
            self.made[name] = make()
        return {"$ref": f"{_DEFINITIONS}{name}"}

    def table(self, cls: type) -> Schema:
        return self._defined(
            _table_name(cls),
            lambda: _object(inspect.getdoc(cls) or "", self.properties(cls)),
        )

    def properties(self, cls: type) -> Schema:
        """Key of each option → schema of its value, with description."""
        hints = typing.get_type_hints(cls)
        described = zip(own_first(cls), options(cls), strict=True)
        return {
            words.name: self._value(hints[attribute.name], attribute.metadata[OPTION]) | _explained(attribute, words)
            for attribute, words in described
        }

    def _value(self, annotation: Any, facts: OptionFacts) -> Schema:
        if _is_component(annotation):
            return self._defined(annotation.kind, lambda: self._component_of(annotation.kind))
        if inspect.isclass(annotation) and attrs.has(annotation):
            return self.table(annotation)
        members = typing.get_args(annotation)
        if typing.get_origin(annotation) is typing.Literal:
            return {"enum": list(members)}
        if typing.get_origin(annotation) is tuple:
            return _array(members, lambda member: self._value(member, facts))
        if members:
            return _any_of(self._value(member, facts) for member in members if member is not NoneType)
        kind = _TYPES[annotation]
        return {"type": kind} | (_bounds(facts) if kind in ("integer", "number") else {})

    def _component_of(self, kind: str) -> Schema:
        """A table for a component of the kind; without `use`, it changes a table of an extended file."""
        named = _named(self.registry, kind)
        merged: dict[str, list[Schema]] = {}
        for offer in self.registry.of_kind(kind):
            for key, schema in self.properties(offer.component).items():
                merged.setdefault(key, []).append(schema)
        return {
            "type": "object",
            "properties": {
                USE: {
                    "description": f"name of the {kind}; distribution/name if several distributions offer it",
                    "enum": [name for names in named.values() for name in names],
                },
                **{key: _any_of(schemas) for key, schemas in merged.items()},
            },
            "additionalProperties": False,
            **_all_of(_where(names, _any_of(map(self._component, offers))) for offers, names in named.items()),
        }

    def _component(self, offer: Offer) -> Schema:
        about = inspect.getdoc(offer.component) or ""
        return self._defined(
            f"{offer.component.kind}.{offer.source.distribution}.{offer.component.name}",
            lambda: _object(
                about,
                {
                    USE: {"enum": list(offer.names), "description": about.partition("\n")[0]},
                    **self.properties(offer.component),
                },
                title=f"{offer.component.kind} {offer.component.name}",
            ),
        )

    def whole_table(self, cls: type) -> Schema:
        return self._defined(f"whole.{_table_name(cls)}", lambda: self._whole_options(cls))

    def _whole_options(self, cls: type) -> Schema:
        hints = typing.get_type_hints(cls)
        inner = {option_key(a): self._whole(hints[a.name]) for a in attrs.fields(cls)}
        return {
            "required": [option_key(a) for a in attrs.fields(cls) if a.default is attrs.NOTHING],
            "properties": {key: schema for key, schema in inner.items() if schema},
        }

    def _whole(self, annotation: Any) -> Schema:
        """The schema of the required parts of a value; empty if there are none."""
        if _is_component(annotation):
            return self._defined(f"whole.{annotation.kind}", lambda: self._whole_kind(annotation.kind))
        if inspect.isclass(annotation) and attrs.has(annotation):
            return self.whole_table(annotation)
        members = typing.get_args(annotation)
        if typing.get_origin(annotation) is tuple:
            schema = _array(members, self._whole)
            return schema if schema.get("items") or any(schema.get("prefixItems", ())) else {}
        wholes = [whole for member in members if member is not Ellipsis and (whole := self._whole(member))]
        return _any_of(wholes) if wholes else {}

    def _whole_kind(self, kind: str) -> Schema:
        wholes = (
            _where(names, _any_of(self._whole_options(offer.component) for offer in offers))
            for offers, names in _named(self.registry, kind).items()
        )
        return {"required": [USE], **_all_of(wholes)}


def _is_component(annotation: object) -> bool:
    return inspect.isclass(annotation) and issubclass(annotation, Component)


def _table_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _named(registry: Registry, kind: str) -> dict[tuple[Offer, ...], list[str]]:
    """Offers of a kind → the names that can refer to them; a study may disable some of several offers of a name."""
    offers = list(registry.of_kind(kind))
    groups: dict[tuple[Offer, ...], list[str]] = {}
    for name in dict.fromkeys(name for offer in offers for name in offer.names):
        found = tuple(offer for offer in offers if name in offer.names)
        groups.setdefault(found, []).append(name)
    return groups


def _object(description: str, properties: Schema, **others: Any) -> Schema:
    schema = {"type": "object", "description": description, "properties": properties, "additionalProperties": False}
    return schema | others


def _where(names: list[str], schema: Schema) -> Schema:
    return {"if": {"properties": {USE: {"enum": names}}, "required": [USE]}, "then": schema}


def _array(members: tuple[Any, ...], schema_of: Callable[[Any], Schema]) -> Schema:
    if members[-1] is Ellipsis:
        return {"type": "array", "items": schema_of(members[0])}
    items = [schema_of(member) for member in members]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _all_of(schemas: Iterable[Schema]) -> Schema:
    every = list(schemas)
    return {"allOf": every} if every else {}


def _any_of(schemas: Iterable[Schema]) -> Schema:
    different: list[Schema] = []
    for schema in schemas:
        if schema not in different:
            different.append(schema)
    return different[0] if len(different) == 1 else {"anyOf": different}


def _bounds(facts: OptionFacts) -> Schema:
    words = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
    return {word: limit for key, word in words.items() if (limit := getattr(facts, key)) is not None}


def _explained(attribute: attrs.Attribute[Any], words: OptionDescription) -> Schema:
    """The description of the option, and its default if JSON can express it."""
    text = f"{words.help}\n\n{words.type_and_limits}; default: {words.default}"
    if isinstance(attribute.default, bool | int | float | str):
        return {"description": text, "default": attribute.default}
    return {"description": text}
