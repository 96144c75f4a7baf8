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
        self._last: tuple[Tensor, Tensor, Any] | None = None
        """Embeddings, labels and picks of the last batch: to mine is dear, and `activity` asks of the same batch."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss (), 0 where the miner picks nothing."""
        loss: Tensor = self.loss(embeddings, labels, self._pick(embeddings.detach(), labels))
        return loss

    def activity(self, embeddings: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        """Shares of all pairs or triplets of the batch that are picked and have a term above zero."""
        last = self._last
        same = last is not None and torch.equal(last[0], embeddings) and torch.equal(last[1], labels)
        picks = last[2] if last is not None and same else self._pick(embeddings, labels)
        shares: Mapping[str, Tensor] = self.loss.activity(embeddings, labels, picks)
        return shares

    @torch.no_grad()
    def _pick(self, embeddings: Tensor, labels: Tensor) -> Any:
        self._last = None  # its memory is free while the next batch is mined
        picks = self.miner(embeddings, labels)
        self._last = embeddings, labels, picks
        return picks
