"""Checks of reducers. How it is called is up to its loss."""

from __future__ import annotations

from dmlcore.api.components import ReducerConfig
from dmlcore.testing.modules import builds, built, keeps_its_tensors_where_torch_finds_them, parameters_of
from dmlcore.testing.numbers import Numbers


def numbers(component: ReducerConfig) -> Numbers:
    """The state of its module."""
    return parameters_of(built(component))


CHECKS = (builds, keeps_its_tensors_where_torch_finds_them)
