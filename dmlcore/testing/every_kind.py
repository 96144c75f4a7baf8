"""What components of every kind must do."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import tomli

from dmlcore.api.components import KINDS, USE, Component, parts
from dmlcore.errors import PluginError, StudyError
from dmlcore.host.discovery import check_component
from dmlcore.host.distributions import PluginSource
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.component import component_from
from dmlcore.study.structure import plain
from dmlcore.testing.checking import ContractError


def is_well_made(component: Component) -> None:
    """Its class has a name, a docstring, and options made by `option()` of types that a study can write."""
    try:
        check_component(type(component), component.kind)
    except PluginError as error:
        raise ContractError("a class that dmlcore can offer", str(error), "See docs/plugins.md, The class.") from None


def options_survive_a_study(component: Component) -> None:
    """Written into a study file and read again, it has the same options."""
    written = plain(component, Path())
    text = f"component = {_toml(written)}"
    values = tomli.loads(text)["component"]
    try:
        again = component_from(
            KINDS[component.kind], values.pop(USE), values, _registry_of(component), (component.name,)
        )
    except StudyError as error:
        raise ContractError(
            f"options that a study can give: {text}",
            " ".join(str(error).split()),
            "Give options of the annotated types.",
        ) from None
    if plain(again, Path()) != written:
        raise ContractError(
            f"the same options after a study file: {written}",
            f"{plain(again, Path())}",
            "A study can't write None: let None be the default of an option that can be left out.",
        )


def names_its_libraries(component: Component) -> None:
    """`libraries` are names of distributions, not of modules."""
    for name in component.libraries:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            distributions = importlib.metadata.packages_distributions().get(name)
            if distributions:
                raise ContractError(
                    "names of distributions in `libraries`",
                    f"{name!r}, which is a module",
                    f"Write {distributions[0]!r}, as pip does.",
                ) from None


CHECKS = (is_well_made, options_survive_a_study, names_its_libraries)


def _registry_of(component: Component) -> Registry:
    """A registry of the component's class, and those of the components in its options."""
    source = PluginSource("checked", "0", "checked")
    classes = dict.fromkeys(type(part) for _, part in parts(component) if isinstance(part, Component))
    return Registry(tuple(Offer(cls, source) for cls in classes))


def _toml(value: Any) -> str:
    """A plain value as TOML, tables inline."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool | int | float):
        return str(value).lower()
    raise ContractError(
        "options that a study can write", f"{value!r}, of {type(value).__name__}", "Use one of the types of option()."
    )
