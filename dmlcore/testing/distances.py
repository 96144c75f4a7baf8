"""Checks of distances."""

from __future__ import annotations

import torch
from torch import Tensor

from dmlcore.api.components import DistanceConfig
from dmlcore.testing.checking import NotApplicable, checks_in, demand
from dmlcore.testing.modules import LABELS, as_array, builds, built, embedded, keeps_its_tensors_where_torch_finds_them
from dmlcore.testing.numbers import Numbers


def numbers(component: DistanceConfig) -> Numbers:
    """The distances within a batch."""
    return {"distances": as_array(built(component)(embedded(LABELS)))}


def compares_all_embeddings(component: DistanceConfig) -> None:
    """It returns finite numbers: (B, B) for embeddings (B, D), and (B, B') with others (B', D)."""
    embeddings, others = embedded(LABELS), embedded(LABELS[:5], seed=1)
    module = built(component)
    _demand_matrix(module(embeddings), (len(LABELS), len(LABELS)))
    _demand_matrix(module(embeddings, others), (len(LABELS), len(others)))


def gradient_is_finite(component: DistanceConfig) -> None:
    """The gradient is finite, also for the distance of an embedding to itself."""
    embeddings = embedded(LABELS).requires_grad_()
    torch.autograd.backward(built(component)(embeddings).sum())
    demand(
        embeddings.grad is not None and embeddings.grad.isfinite().all(),
        "a finite gradient of the embeddings",
        "none" if embeddings.grad is None else "NaN or infinity",
        "The root has no gradient at 0: add a small number, or clamp it.",
    )


def each_embedding_is_nearest_to_itself(component: DistanceConfig) -> None:
    """Every unit-length embedding is nearest to itself, in the sense of `is_inverted`."""
    module = built(component)
    if not hasattr(module, "is_inverted"):
        raise NotApplicable("its module has no `is_inverted`")
    distances = module(embedded(LABELS))
    far = -distances if module.is_inverted else distances
    demand(
        not (far < far.diagonal()[:, None] - 1e-5).any(),
        f"each embedding nearest to itself, with is_inverted = {module.is_inverted}",
        "another is nearer",
        "Set is_inverted = True if larger means nearer, as for a cosine.",
    )


CHECKS = (builds, *checks_in(__name__), keeps_its_tensors_where_torch_finds_them)


def _demand_matrix(distances: Tensor, shape: tuple[int, int]) -> None:
    demand(
        tuple(distances.shape) == shape,
        f"distances of shape {shape}",
        f"{tuple(distances.shape)}",
        "Compare all pairs without reduction.",
    )
    demand(distances.isfinite().all(), "finite distances", "NaN or infinity", "Avoid divisions and roots of zero.")
