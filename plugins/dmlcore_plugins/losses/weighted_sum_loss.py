"""The sum of losses as a module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn


class WeightedSumLoss(nn.Module):
    """Each loss on the batch, times its weight."""

    def __init__(self, parts: Iterable[nn.Module], weights: Sequence[float]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.weights = tuple(weights)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss ()."""
        terms = [weight * part(embeddings, labels) for weight, part in zip(self.weights, self.parts, strict=True)]
        return torch.stack(terms).sum()
