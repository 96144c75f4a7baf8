"""Descriptions of component classes, from the classes: for help texts, messages and reference pages."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any

import attrs
from attrs import frozen

from dmlcore.api.components import KINDS, OPTION, Component, option_key
from dmlcore.text import shortened

_Class = type
"""`type`, in a class with an attribute of this name."""


@frozen
class OptionDescription:
    """One option, in words."""

    name: str
    type: str
    default: str
    help: str
    unit: str
    bounds: str
    kinds: tuple[str, ...]
    """The kinds of component that it accepts."""
    tables: tuple[_Class, ...]
    """The tables that it accepts."""
    is_list: bool

    @property
    def type_and_limits(self) -> str:
        """Such as "an integer, ≥ 1 images"."""
        limits = " ".join(part for part in (self.bounds, self.unit) if part)
        return f"{self.type}, {limits}" if limits else self.type


def summary(cls: type) -> str:
    """The first line of a class's docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def own_first(cls: type) -> list[attrs.Attribute[Any]]:
    """The options of a class: its own before those that it shares with others through a base class."""
    shared = {attribute.name for base in cls.__mro__[1:] if attrs.has(base) for attribute in attrs.fields(base)}
    return sorted(attrs.fields(cls), key=lambda attribute: attribute.name in shared)


def options(cls: type) -> list[OptionDescription]:
    """The options of a component, or of a table of the study file."""
    hints = typing.get_type_hints(cls)
    described = []
    for attribute in own_first(cls):
        facts, annotation = attribute.metadata[OPTION], hints[attribute.name]
        taken = list(_classes(annotation))
        described.append(
            OptionDescription(
                option_key(attribute),
                type_text(annotation),
                default_text(attribute.default),
                facts.help,
                facts.unit or "",
                facts.bounds(),
                tuple(c.kind for c in taken if issubclass(c, Component)),
                tuple(c for c in taken if not issubclass(c, Component)),
                typing.get_origin(annotation) is tuple,
            )
        )
    return described


def _classes(annotation: Any) -> Iterator[type]:
    """The component kinds and tables in a type."""
    if inspect.isclass(annotation) and attrs.has(annotation):
        yield annotation
    for member in typing.get_args(annotation):
        yield from _classes(member)


def default_text(default: Any) -> str:
    """A default in TOML notation, or in words."""
    if default is attrs.NOTHING:
        return "required"
    if default is None:
        return "not set"
    if isinstance(default, Component):
        changed = [a for a in own_first(type(default)) if getattr(default, a.name) != a.default]
        values = [f"{option_key(a)} = {default_text(getattr(default, a.name))}" for a in changed]
        return "{ " + ", ".join([f'use = "{default.name}"', *values]) + " }"
    if attrs.has(type(default)):
        return "table defaults"
    if isinstance(default, tuple):
        return f"[{', '.join(default_text(item) for item in default)}]"
    if isinstance(default, float):
        return f"{default:.6g}"
    return shown(default).rpartition(" (")[0]


Offered = Mapping[str, Sequence[str]]
"""Kind → the names of its components."""


def text(cls: type, offered: Offered = MappingProxyType({}), *, inner: bool = True) -> str:
    """The help of a component or table for the terminal: the docstring, then a paragraph per option.

    `inner` includes the options of nested tables.
    """
    lines = [inspect.getdoc(cls) or "", ""]
    for option in options(cls):
        lines += option_lines(option, offered, inner=inner)
    return "\n".join(lines).rstrip()


def option_lines(option: OptionDescription, offered: Offered, *, inner: bool = True) -> Iterator[str]:
    """The default, help and type of an option, the components offered for it, and the options of a table."""
    yield f"{option.name} = {option.default}"
    yield f"    {option.help}"
    yield f"    {option.type_and_limits}"
    for kind in option.kinds:
        if offered.get(kind):
            yield f"    {kind}: {', '.join(offered[kind])}"
    for table in option.tables if inner else ():
        for own in options(table):
            yield from (f"    {line}" for line in option_lines(own, offered))


def markdown(cls: type, *, inner: bool = True) -> str:
    """The options as a Markdown table; `inner` includes the options of nested tables."""
    rows = ["| option | type | default | description |", "| --- | --- | --- | --- |"]
    rows += ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in _cells(cls, inner)]
    return "\n".join(rows)


def _cells(cls: type, inner: bool, above: str = "") -> Iterator[tuple[str, ...]]:
    for option in options(cls):
        yield f"`{above}{option.name}`", option.type_and_limits, option.default, option.help
        for table in option.tables if inner else ():
            yield from _cells(table, inner, f"{above}{option.name}.")


def shown(value: Any) -> str:
    """A value in TOML notation, with its type."""
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, str):
        return f'"{shortened(value)}" (a string)'
    if isinstance(value, int | float):
        return f"{value} ({'an integer' if isinstance(value, int) else 'a number'})"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"{value} ({type(value).__name__})"


_TYPE_WORDS = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    Path: "a path",
}


def type_text(annotation: Any) -> str:
    """The type of an option, in words."""
    if annotation in _TYPE_WORDS:
        return _TYPE_WORDS[annotation]
    members = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " or ".join(f'"{member}"' if isinstance(member, str) else str(member) for member in members)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_text(member) for member in members if member is not NoneType)
    if origin is tuple:
        plural = " or ".join(re.sub(r"^an? (\w+)", r"\1s", part) for part in type_text(members[0]).split(" or "))
        return f"a list of {plural}" if members[-1] is Ellipsis else f"a list of {len(members)} {plural}"
    if annotation in KINDS.values():
        return f'a table with `use = "{annotation.kind} name"`'
    return "a table"
