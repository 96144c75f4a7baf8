"""Checks of regularizers."""

from __future__ import annotations

import torch

from dmlcore.api.components import RegularizerConfig
from dmlcore.testing.checking import ContractError, checks_in, demand
from dmlcore.testing.modules import (
    CONTEXT,
    as_array,
    builds,
    built,
    embedded,
    keeps_its_tensors_where_torch_finds_them,
    not_finite,
)
from dmlcore.testing.numbers import Numbers

CLASSES = torch.arange(CONTEXT.num_classes)
"""(C,): as many embeddings as weights of a loss, so that both are possible."""


def numbers(component: RegularizerConfig) -> Numbers:
    """The penalty on a few embeddings."""
    return {"loss": as_array(built(component)(2 * embedded(CLASSES)))}


def gives_a_finite_scalar(component: RegularizerConfig) -> None:
    """The penalty on embeddings, or weights of a loss, is one finite number with a finite gradient."""
    embeddings = (2 * embedded(CLASSES)).requires_grad_()
    loss = built(component)(embeddings)
    if not isinstance(loss, torch.Tensor) or loss.shape != ():
        found = f"shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
        raise ContractError("a loss of shape ()", found, "Reduce it: loss.mean() or loss.sum().")
    found = not_finite(loss, embeddings)
    demand(not found, "a finite loss and gradient", found, "Avoid roots, divisions and logarithms of zero.")


CHECKS = (builds, *checks_in(__name__), keeps_its_tensors_where_torch_finds_them)
