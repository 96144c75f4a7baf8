"""A loss on those pairs or triplets of a batch that a miner picks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class MinedLoss(nn.Module):
    """Gives the miner's picks to a loss of pytorch-metric-learning."""

    def __init__(self, loss: nn.Module, miner: nn.Module) -> None:
        super().__init__()
        self.loss: Any = loss
        self.miner = miner

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss (), 0 where the miner picks nothing."""
        with torch.no_grad():
            picks = self.miner(embeddings, labels)
        loss: Tensor = self.loss(embeddings, labels, picks)
        return loss

    def activity(self, embeddings: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        """Shares of all pairs or triplets of the batch that are picked and have a term above zero."""
        shares: Mapping[str, Tensor] = self.loss.activity(embeddings, labels, self.miner(embeddings, labels))
        return shares
