"""The numbers that a component computes, and their comparison."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

import numpy as np

from dmlcore.api.components import Component
from dmlcore.api.hookspecs import REGISTRATION_HOOKS
from dmlcore.testing.checking import demand

Numbers = Mapping[str, np.ndarray]
"""Description → values to compare."""

RELATIVE, ABSOLUTE = 1e-5, 1e-6
"""Tolerances: more than the difference between orders of summation or numbers of threads."""


def module_of(kind: str) -> ModuleType:
    """The module of this package with the CHECKS of a kind, and its `numbers` if it has any."""
    return import_module(f"{__package__}.{REGISTRATION_HOOKS[kind].removeprefix('dmlcore_register_')}")


def gives_numbers(component: Component) -> bool:
    """Whether components of this kind compute comparable numbers."""
    return hasattr(module_of(component.kind), "numbers")


def numbers_of(component: Component) -> Numbers:
    """The numbers that the component computes."""
    numbers: Numbers = module_of(component.kind).numbers(component)
    return numbers


def demand_same(first: Numbers, second: Numbers, *, when: str, remedy: str, relative: float = RELATIVE) -> None:
    """Raise ContractError if the numbers differ; `when` says under which circumstances they must not."""
    demand(set(first) == set(second), f"the same figures {when}", f"{sorted(first)}, then {sorted(second)}", remedy)
    for name, values in first.items():
        found = _difference(values, second[name], relative)
        demand(not found, f"the same {name} {when}", found, remedy)


def _difference(first: np.ndarray, second: np.ndarray, relative: float) -> str:
    """The first difference as text; empty if there is none."""
    if first.shape != second.shape:
        return f"shape {first.shape}, then {second.shape}"
    if first.dtype.kind not in "biuf":
        return "" if (first == second).all() else "other values"
    close = np.isclose(first.astype(float), second.astype(float), rtol=relative, atol=ABSOLUTE, equal_nan=True)
    if close.all():
        return ""
    place = np.unravel_index(int(np.argmin(close)), close.shape)
    return f"{first[place]:.7g}, then {second[place]:.7g}"
