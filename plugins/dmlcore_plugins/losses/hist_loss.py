"""Class distributions, the hypergraph of a batch that follows from them, and the network on it."""

from __future__ import annotations

import math

import torch
from attrs import define
from torch import Tensor, nn
from torch.nn import functional


@define(eq=False, repr=False, slots=False, kw_only=True)
class HISTLoss(nn.Module):
    """See `HIST` for the formula."""

    embedding_dim: int
    num_classes: int
    tau: float
    alpha: float
    graph_weight: float
    graph_rate: float
    hidden_dim: int

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def __attrs_post_init__(self) -> None:
        means, log_variances = (torch.empty(self.num_classes, self.embedding_dim) for _ in range(2))
        self.means = nn.Parameter(nn.init.kaiming_normal_(means, mode="fan_out"))
        self.log_variances = nn.Parameter(nn.init.kaiming_normal_(log_variances, mode="fan_out"))
        self.graph = HypergraphNetwork(self.embedding_dim, self.hidden_dim, self.num_classes)
        self.rate_factors = {"graph": self.graph_rate}

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) in 0 … C−1 → loss ()."""
        embeddings = functional.normalize(embeddings, dim=1)
        distances = self.distances(embeddings)
        distribution_loss = functional.cross_entropy(-self.tau * distances, labels)
        logits = self.graph(math.sqrt(embeddings.shape[1]) * embeddings, self.incidence(distances, labels))
        return distribution_loss + self.graph_weight * functional.cross_entropy(logits, labels)

    def distances(self, embeddings: Tensor) -> Tensor:
        """embeddings (B, D), L2-normalized → squared Mahalanobis distances from the classes (B, C)."""
        means = functional.normalize(self.means, dim=1)
        precisions = (-functional.relu6(self.log_variances)).exp()
        weighted = means * precisions
        # (x − μ)ᵀ Σ⁻¹ (x − μ), multiplied out, so that nothing of B × C × D is in memory
        distances = embeddings.square() @ precisions.T - 2 * embeddings @ weighted.T + (weighted * means).sum(1)
        return distances.clamp(min=0)

    def incidence(self, distances: Tensor, labels: Tensor) -> Tensor:
        """How much each image belongs to the edge of each of the batch's classes, (B, edges), from 0 to 1."""
        edges = torch.unique(labels)
        return (-self.alpha * distances[:, edges]).exp().masked_fill(labels[:, None] == edges, 1)


class HypergraphNetwork(nn.Module):
    """Two hypergraph convolutions (Feng et al., 2019), with all edges of weight one."""

    def __init__(self, embedding_dim: int, hidden_dim: int, num_classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(embedding_dim, hidden_dim)
        self.norm = nn.BatchNorm1d(hidden_dim)
        self.second = nn.Linear(hidden_dim, num_classes)

    def forward(self, nodes: Tensor, incidence: Tensor) -> Tensor:
        """nodes (B, D), incidence (B, edges) → logits (B, C)."""
        hidden = functional.leaky_relu(self.norm(propagated(self.first(nodes), incidence)), 0.1)
        return propagated(self.second(hidden), incidence)


def propagated(values: Tensor, incidence: Tensor) -> Tensor:
    """Each node's values (B, F) averaged over its edges, and these over their nodes: G · values."""
    scale = incidence.sum(1, keepdim=True).rsqrt()
    of_edges = incidence.T @ (scale * values) / incidence.sum(0)[:, None]
    return scale * (incidence @ of_edges)
