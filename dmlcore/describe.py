"""What a component class says of itself: the one source of help texts, messages and reference pages."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any

import attrs
from attrs import frozen

from dmlcore.components import KINDS, OPTION, Component, option_key


@frozen
class OptionDescription:
    """One option in words."""

    name: str
    type: str
    default: str
    help: str
    unit: str
    bounds: str


def summary(cls: type) -> str:
    """The first line of a class's docstring."""
    return (inspect.getdoc(cls) or "").partition("\n")[0]


def options(cls: type) -> list[OptionDescription]:
    """The options of a component, or of a table of the study file."""
    hints = typing.get_type_hints(cls)
    described = []
    for attribute in attrs.fields(cls):
        facts = attribute.metadata[OPTION]
        described.append(
            OptionDescription(
                option_key(attribute),
                type_text(hints[attribute.name]),
                default_text(attribute.default),
                facts.help,
                facts.unit or "",
                facts.bounds(),
            )
        )
    return described


def default_text(default: Any) -> str:
    """A default as it would be written in TOML."""
    if default is attrs.NOTHING:
        return "required"
    if default is None:
        return "left out"
    if isinstance(default, Component):
        return f'use = "{default.name}"'
    if attrs.has(type(default)):
        return "its own defaults"
    if isinstance(default, tuple):
        return f"[{', '.join(default_text(item) for item in default)}]"
    if isinstance(default, float):
        return f"{default:.6g}"
    return shown(default).rpartition(" (")[0]


def text(cls: type) -> str:
    """A component's help for the terminal: docstring, then one paragraph an option."""
    lines = [inspect.getdoc(cls) or "", ""]
    for option in options(cls):
        limits = " ".join(part for part in (option.bounds, option.unit) if part)
        lines.append(f"{option.name} = {option.default}")
        lines.append(f"    {option.help}")
        lines.append(f"    {option.type}{', ' + limits if limits else ''}")
    return "\n".join(lines).rstrip()


def markdown(cls: type) -> str:
    """The options as a Markdown table."""
    rows = ["| option | type | default | what it does |", "| --- | --- | --- | --- |"]
    for option in options(cls):
        limits = " ".join(part for part in (option.bounds, option.unit) if part)
        cells = (
            f"`{option.name}`",
            f"{option.type}{', ' + limits if limits else ''}",
            option.default,
            option.help,
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def shown(value: Any) -> str:
    """A value as it stands in TOML, with its type where that is what is wrong."""
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, str):
        return f'"{value}" (a string)'
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
    Path: "a path (string)",
}


def type_text(annotation: Any) -> str:
    """An option's type in words."""
    if annotation in _TYPE_WORDS:
        return _TYPE_WORDS[annotation]
    members = typing.get_args(annotation)
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return " or ".join(f'"{member}"' if isinstance(member, str) else str(member) for member in members)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_text(member) for member in members if member is not NoneType)
    if origin is tuple:
        if members[-1] is Ellipsis:
            return f"a list, each {type_text(members[0])}"
        return f"a list of {len(members)}, each {type_text(members[0])}"
    if annotation in KINDS.values():
        return f'a table with `use = "{annotation.kind} name"`'
    return "a table"
