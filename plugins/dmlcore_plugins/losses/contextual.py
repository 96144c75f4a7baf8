"""The contextual loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from dmlcore import LossConfig, LossContext, hookimpl, option

if TYPE_CHECKING:
    import torch


@frozen
class Contextual(LossConfig):
    """Contextual loss (Liao et al., 2023): images of one class share their neighbors; added to a contrastive loss.

    With the cosine s, d = 2 − 2s, and N(i; k) the images with d_ij ≤ ε + the k-th smallest of row i (i itself is its
    first neighbor), n_ij = 1 where j ∈ N(i; k) and n̄ = 1 − n:

        w_ij = n_ij ½ (Σ_l n_il n_jl / Σ_l n_il + Σ_l n̄_il n̄_jl / Σ_l n̄_il)
        c_ij = mean of w_lj over those l with l ∈ N(i; k/2) and i ∈ N(l; k/2)
        contextual similarity J = (c + cᵀ) / 2
        context = (Σ_{i≠j of one class} (1 − J_ij)² + Σ_{of two} J_ij²) / B²
        contrast = mean of max(p − s, 0) over positive pairs + mean of max(s − m, 0) over negative ones, terms > 0 only
        spread = (mean of all s_ij − s̄)²
        loss = λ context + γ spread + (1 − λ − γ) contrast

    Membership in N is a step; its gradient is replaced by the constant `slope` in −d (the k-th smallest and the two
    denominators Σn, Σn̄ count as constants), so the context has no true gradient.

    "Supervised Metric Learning to Rank for Retrieval via Contextual Similarity Optimization", ICML 2023; written from
    the authors' code (Chris210634/metric-learning-using-contextual-similarity, losses.py and main.py) with
    their defaults. It differs in one point: if all images are neighbors Σ n̄ is 0, and the second share counts as 0;
    theirs is NaN. `neighbors` should be the sampler's samples_per_class. Memory: some twenty matrices B × B.
    """

    name = "contextual"
    margin_axis = "cosine"
    margin_kind = "threshold"
    formula = (
        r"L = \frac{\lambda}{B^2} \left( \sum_{(i,j) \in P} (1 - J_{ij})^2 + \sum_{(i,j) \in N} J_{ij}^2 \right)"
        r" + \gamma (\bar{s}_{batch} - \bar{s})^2 + (1 - \lambda - \gamma) \left("
        r" \frac{1}{|P_{>0}|} \sum_{(i,j) \in P} \max(p - s_{ij}, 0)"
        r" + \frac{1}{|N_{>0}|} \sum_{(i,j) \in N} \max(s_{ij} - m, 0) \right)"
    )

    neighbors: int = option(4, ge=2, unit="images", help="k: number of neighbors, the image itself included")
    tolerance: float = option(0.05, ge=0, unit="squared distance", help="ε: how far beyond the k-th images still count")
    slope: float = option(10.0, gt=0, help="gradient in place of that of the step at a neighborhood's border")
    context_weight: float = option(0.4, ge=0, le=1, help="λ: weight of the contextual term")
    spread_weight: float = option(0.1, ge=0, le=1, help="γ: weight of the term that keeps the mean similarity")
    mean_similarity: float = option(0.25, ge=-1, le=1, unit="cosine", help="s̄: target of the mean of all cosines")
    margin: float = option(0.6, ge=-1, lt=1, unit="cosine", help="m: negatives nearer than this are pushed away")
    positive_margin: float = option(0.75, gt=-1, le=1, unit="cosine", help="p: positives farther than this are pulled")

    def __attrs_post_init__(self) -> None:
        if self.context_weight + self.spread_weight > 1:
            raise ValueError(
                f"context_weight ({self.context_weight:g}) and spread_weight ({self.spread_weight:g}) add up to"
                " more than 1, which leaves no weight for the contrastive term"
            )
        if self.positive_margin < self.margin:
            raise ValueError(
                f"positive_margin = {self.positive_margin:g} lets positives be farther apart than margin ="
                f" {self.margin:g} pushes negatives; set {self.margin:g} or more"
            )

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → loss (); see LossConfig.build."""
        from dmlcore_plugins.losses.contextual_loss import ContextualLoss

        return ContextualLoss(**attrs.asdict(self))


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [Contextual]
