"""What a regularizer must do."""

from __future__ import annotations

import torch

from dmlcore.api.components import RegularizerConfig
from dmlcore.testing.checking import ContractError
from dmlcore.testing.modules import (
    CONTEXT,
    as_array,
    builds,
    built,
    embedded,
    keeps_its_tensors_where_torch_finds_them,
)
from dmlcore.testing.numbers import Numbers

CLASSES = torch.arange(CONTEXT.num_classes)
"""(C,): as many embeddings as a loss has weights, so that it can be given either."""


def numbers(component: RegularizerConfig) -> Numbers:
    """The loss of some embeddings."""
    return {"loss": as_array(built(component)(2 * embedded(CLASSES)))}


def gives_a_finite_scalar(component: RegularizerConfig) -> None:
    """Embeddings, or weights of a loss, give one finite number, and a finite gradient."""
    embeddings = (2 * embedded(CLASSES)).requires_grad_()
    loss = built(component)(embeddings)
    if not isinstance(loss, torch.Tensor) or loss.shape != ():
        found = f"shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else repr(loss)
        raise ContractError("a loss of shape ()", found, "Reduce it: loss.mean() or loss.sum().")
    if loss.requires_grad:
        torch.autograd.backward(loss)
    if not loss.isfinite() or (embeddings.grad is not None and not embeddings.grad.isfinite().all()):
        raise ContractError(
            "a finite loss and gradient",
            f"a loss of {loss.item():g}" if not loss.isfinite() else "a gradient that is NaN or infinite",
            "Look for a root, a division or a logarithm of what may be zero.",
        )


CHECKS = (builds, gives_a_finite_scalar, keeps_its_tensors_where_torch_finds_them)
