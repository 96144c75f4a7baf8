"""Checks of regularizers."""

from __future__ import annotations

import torch

from dmlcore.api.components import RegularizerConfig
from dmlcore.testing.checking import ContractError, demand
from dmlcore.testing.modules import CONTEXT, as_array, builds, built, embedded, keeps_its_tensors_where_torch_finds_them
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
    if loss.requires_grad:
        torch.autograd.backward(loss)
    demand(
        loss.isfinite() and (embeddings.grad is None or embeddings.grad.isfinite().all()),
        "a finite loss and gradient",
        f"a loss of {loss.item():g}" if not loss.isfinite() else "a gradient that is NaN or infinite",
        "Avoid roots, divisions and logarithms of zero.",
    )


CHECKS = (builds, gives_a_finite_scalar, keeps_its_tensors_where_torch_finds_them)
