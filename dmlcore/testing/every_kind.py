"""Checks of components of every kind."""

from __future__ import annotations

import json
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import tomli

from dmlcore.api.components import KINDS, USE, Component, parts
from dmlcore.errors import PluginError, StudyError
from dmlcore.host.discovery import check_component
from dmlcore.host.distributions import PluginSource, installed_version
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.component import component_from
from dmlcore.study.structure import plain
from dmlcore.testing.checking import ContractError, checks_in, demand


def is_well_made(component: Component) -> None:
    """Its class has a name, a docstring, and options defined by `option()` with supported types."""
    try:
        check_component(type(component), component.kind)
    except PluginError as error:
        raise ContractError("a valid component class", str(error), "See docs/plugins.md, The class.") from None


def options_survive_a_study(component: Component) -> None:
    """Its options survive writing to a study file and reading again."""
    written = plain(component, Path())
    text = f"component = {_toml(written)}"
    values = tomli.loads(text)["component"]
    try:
        again = component_from(
            KINDS[component.kind], values.pop(USE), values, _registry_of(component), (component.name,)
        )
    except StudyError as error:
        raise ContractError(
            f"options that a study can set: {text}", " ".join(str(error).split()), "Use values of the annotated types."
        ) from None
    demand(
        plain(again, Path()) == written,
        f"the same options after reading a study file: {written}",
        f"{plain(again, Path())}",
        "A study can't contain None: use None only as a default.",
    )


def names_its_libraries(component: Component) -> None:
    """`libraries` contains names of distributions, not of modules."""
    for name in component.libraries:
        if installed_version(name) is None and (distributions := packages_distributions().get(name)):
            remedy = f"Write {distributions[0]!r}, as pip does."
            raise ContractError("distribution names in `libraries`", f"the module {name!r}", remedy)


CHECKS = checks_in(__name__)


def _registry_of(component: Component) -> Registry:
    """A registry of the classes of the component and of the components in its options."""
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
        "options of supported types", f"{value!r}, of type {type(value).__name__}", "Use the types of option()."
    )
