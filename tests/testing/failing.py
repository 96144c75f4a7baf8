"""Components that break one promise each, and how the check of it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from attrs import frozen
from torch import nn

from dmlcore.api.components import Component
from dmlcore.testing.checking import Outcome
from dmlcore.testing.checks import checks_of


def component_of(base: type[Component], **members: Any) -> Any:
    """A component of a class that is made on the spot, with these methods and class attributes."""
    return frozen(type("Broken", (base,), {"__doc__": "Breaks a promise.", "name": "broken", **members}))()


def module_of(forward: Callable[..., Any], **attributes: Any) -> nn.Module:
    """A module that calls a function of itself and its inputs; tensors among the attributes stay plain ones."""
    module = type("Broken", (nn.Module,), {"forward": forward})()
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


def building(base: type[Component], forward: Callable[..., Any], **members: Any) -> Any:
    """A component that builds a module of this forward function."""
    return component_of(base, build=lambda self, context: module_of(forward), **members)


def outcome_of(component: Component, check: str) -> Outcome:
    """How one check of a component ends."""
    return next(each for each in checks_of(component) if each.name == check).outcome()


def failure_of(component: Component, check: str) -> str:
    """The message of a check that must fail, with a sentence that says what to do."""
    outcome = outcome_of(component, check)
    assert outcome.error is not None, outcome
    assert outcome.error.remedy[0].isupper()
    assert outcome.error.remedy[-1] == "."
    return str(outcome.error)


def pulling(self: nn.Module, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """A sound loss: pulls the images of a class together."""
    return (1 - embeddings @ embeddings.T)[labels[:, None] == labels].mean()
