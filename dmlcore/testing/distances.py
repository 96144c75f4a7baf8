"""What a distance must do."""

from __future__ import annotations

import torch
from torch import Tensor

from dmlcore.api.components import DistanceConfig
from dmlcore.testing.checking import ContractError, NotApplicable
from dmlcore.testing.modules import (
    LABELS,
    as_array,
    builds,
    built,
    embedded,
    keeps_its_tensors_where_torch_finds_them,
)
from dmlcore.testing.numbers import Numbers


def numbers(component: DistanceConfig) -> Numbers:
    """The distances within a batch."""
    return {"distances": as_array(built(component)(embedded(LABELS)))}


def compares_all_embeddings(component: DistanceConfig) -> None:
    """Embeddings (B, D) give (B, B) finite numbers, and (B, D) with (B', D) give (B, B')."""
    embeddings, others = embedded(LABELS), embedded(LABELS[:5], seed=1)
    module = built(component)
    _demand_matrix(module(embeddings), (len(LABELS), len(LABELS)))
    _demand_matrix(module(embeddings, others), (len(LABELS), len(others)))


def gradient_is_finite(component: DistanceConfig) -> None:
    """The gradient is finite, also that of an embedding's distance to itself."""
    embeddings = embedded(LABELS).requires_grad_()
    torch.autograd.backward(built(component)(embeddings).sum())
    if embeddings.grad is None or not embeddings.grad.isfinite().all():
        raise ContractError(
            "a finite gradient of the embeddings",
            "none" if embeddings.grad is None else "NaN or infinity",
            "The root has no gradient at 0: add a small number under it, or clamp it.",
        )


def each_embedding_is_nearest_to_itself(component: DistanceConfig) -> None:
    """Of embeddings of unit length, none is nearer than the embedding itself, by what `is_inverted` calls near."""
    module = built(component)
    if not hasattr(module, "is_inverted"):
        raise NotApplicable("its module does not say by `is_inverted` what is near")
    distances = module(embedded(LABELS))
    far = -distances if module.is_inverted else distances
    if (far < far.diagonal()[:, None] - 1e-5).any():
        raise ContractError(
            f"each embedding nearest to itself, with is_inverted = {module.is_inverted}",
            "another that is nearer",
            "Set is_inverted = True where a larger number means nearer, as with a cosine.",
        )


CHECKS = (
    builds,
    compares_all_embeddings,
    gradient_is_finite,
    each_embedding_is_nearest_to_itself,
    keeps_its_tensors_where_torch_finds_them,
)


def _demand_matrix(distances: Tensor, shape: tuple[int, int]) -> None:
    if tuple(distances.shape) != shape:
        raise ContractError(
            f"distances of shape {shape}", f"{tuple(distances.shape)}", "Compare each with each, and reduce nothing."
        )
    if not distances.isfinite().all():
        raise ContractError("finite distances", "NaN or infinity", "Look for a division or a root of what may be zero.")
