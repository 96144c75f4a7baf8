"""The numbers that a component gives, and whether they are the same again."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

import numpy as np

from dmlcore.api.components import Component
from dmlcore.api.hookspecs import REGISTRATION_HOOKS
from dmlcore.testing.checking import ContractError

Numbers = Mapping[str, np.ndarray]
"""What is compared, in words, to its values."""

RELATIVE, ABSOLUTE = 1e-5, 1e-6
"""Sums in another order, or of another number of threads, differ by less."""


def module_of(kind: str) -> ModuleType:
    """The module of this package for a kind of component: its CHECKS, and `numbers` where there are any."""
    return import_module(f"{__package__}.{REGISTRATION_HOOKS[kind].removeprefix('dmlcore_register_')}")


def gives_numbers(component: Component) -> bool:
    """Whether components of this kind give numbers that can be compared."""
    return hasattr(module_of(component.kind), "numbers")


def numbers_of(component: Component) -> Numbers:
    """What the component gives, to be compared."""
    numbers: Numbers = module_of(component.kind).numbers(component)
    return numbers


def demand_same(first: Numbers, second: Numbers, *, when: str, cure: str, relative: float = RELATIVE) -> None:
    """Raises ContractError where the numbers are not those of before; `when` says under what they should be."""
    if set(first) != set(second):
        raise ContractError(f"the same figures {when}", f"{sorted(first)}, then {sorted(second)}", cure)
    for name, values in first.items():
        found = _difference(values, second[name], relative)
        if found:
            raise ContractError(f"the same {name} {when}", found, cure)


def _difference(first: np.ndarray, second: np.ndarray, relative: float) -> str:
    """The first difference in words, or nothing."""
    if first.shape != second.shape:
        return f"shape {first.shape}, then {second.shape}"
    if first.dtype.kind not in "biuf":
        return "" if (first == second).all() else "others"
    close = np.isclose(first.astype(float), second.astype(float), rtol=relative, atol=ABSOLUTE, equal_nan=True)
    if close.all():
        return ""
    place = np.unravel_index(int(np.argmin(close)), close.shape)
    return f"{first[place]:.7g}, then {second[place]:.7g}"
