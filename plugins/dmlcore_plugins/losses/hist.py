"""The hypergraph-induced semantic tuplet loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
from attrs import frozen

from dmlcore import LossConfig, LossContext, hookimpl, option

if TYPE_CHECKING:
    import torch


@frozen
class HIST(LossConfig):
    """HIST loss (Lim et al., 2022): a learned distribution for each class, and a batch classified over a hypergraph.

    A class c has a learned mean μ_c, L2-normalized, and a learned diagonal covariance Σ_c (the exponential of ReLU6 of
    its parameters). With the L2-normalized embedding x of class y, and d²(x, c) = (x − μ_c)ᵀ Σ_c⁻¹ (x − μ_c):

        distribution loss = mean of −log( exp(−τ d²(x, y)) / Σ_c exp(−τ d²(x, c)) )
        hypergraph: images are nodes, the batch's classes are edges, H_ic = 1 if c = y_i, else exp(−α d²(x_i, c))
        G = V^−½ H E⁻¹ Hᵀ V^−½,  V and E: the degrees of nodes and edges, the sums of H over a row and a column
        logits = G (LeakyReLU(BatchNorm(G (X Θ₁ + b₁))) Θ₂ + b₂)
        loss = distribution loss + λ · cross entropy of the logits

    "Hypergraph-Induced Semantic Tuplet Loss for Deep Metric Learning", CVPR 2022; written from the authors' code
    (ljin0429/HIST, hist.py) and from equations 1 to 6 of its replication (Yuan and Le-Phuoc, ReScience C, 2023). It
    differs in two points. The authors' network ends in a LayerNorm, so X has rows of length √D: here the loss itself
    scales embeddings to that length. And they drop images with a probability of 0 in float32: here these count, by
    log-softmax.

    The class distributions are trained at `optimizer.loss_learning_rate`, the hypergraph's weights Θ at `graph_rate`
    times that. The authors take 0.1 for the former and 5 to 10 times the backbone's rate for the latter. A batch needs
    two classes: with a single edge all images get the same logits. Memory: B × C, not B × B.
    """

    name = "hist"
    needs_positives = False
    formula = (
        r"L = -\frac{1}{B} \sum_i \log \frac{e^{-\tau d^2(x_i, y_i)}}{\sum_c e^{-\tau d^2(x_i, c)}}"
        r" - \frac{\lambda}{B} \sum_i \log \hat{p}_{i y_i}"
    )

    tau: float = option(32.0, gt=0, help="τ: the larger, the sharper the assignment to class distributions")
    alpha: float = option(0.9, gt=0, help="α: the larger, the less images count in the edges of other classes")
    graph_weight: float = option(1.0, ge=0, help="λ: weight of the cross entropy over the hypergraph")
    graph_rate: float = option(
        0.01, gt=0, help="learning rate of the hypergraph's weights, as a share of optimizer.loss_learning_rate"
    )
    hidden_dim: int = option(512, ge=1, help="width of the hypergraph network's hidden layer")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) in 0 … C−1 → loss (); see LossConfig.build."""
        from dmlcore_plugins.losses.hist_loss import HISTLoss

        return HISTLoss(embedding_dim=context.embedding_dim, num_classes=context.num_classes, **attrs.asdict(self))

    def class_vectors(self, loss: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """The means μ_c (C, D)."""
        import torch

        means: torch.Tensor = loss.means  # type: ignore[assignment]  # torch types attributes as modules
        return means, torch.arange(len(means))


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [HIST]
