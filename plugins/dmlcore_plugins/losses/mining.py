"""A loss on those pairs or triplets of a batch that a miner selects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dmlcore_plugins.losses.activity import ACTIVITIES


class MinedLoss(nn.Module):
    """Gives the miner's picks to a loss of pytorch-metric-learning; without a miner, all of the batch counts."""

    def __init__(self, loss: nn.Module, miner: nn.Module | None) -> None:
        super().__init__()
        self.loss: Any = loss
        self.miner = miner
        self._last: tuple[Tensor, Tensor, Any] | None = None
        """Embeddings, labels and picks of the last batch: mining is costly, and `activity` needs the same picks."""

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss (), 0 if the miner selects nothing."""
        loss: Tensor = self.loss(embeddings, labels, self._pick(embeddings.detach(), labels))
        return loss

    def activity(self, embeddings: Tensor, labels: Tensor) -> Mapping[str, Tensor]:
        """Return what a loss on pairs, triplets or proxies acts on; nothing for others, and with a memory.

        Pairs with a memory are not pairs of the batch.
        """
        names = [cls.__name__ for cls in type(self.loss).__mro__ if cls.__name__ in ACTIVITIES]
        return ACTIVITIES[names[0]](self.loss, embeddings, labels, self._picks(embeddings, labels)) if names else {}

    def _picks(self, embeddings: Tensor, labels: Tensor) -> Any:
        """The picks of the last batch if it is this one."""
        last = self._last
        same = last is not None and torch.equal(last[0], embeddings) and torch.equal(last[1], labels)
        return last[2] if last is not None and same else self._pick(embeddings, labels)

    @torch.no_grad()
    def _pick(self, embeddings: Tensor, labels: Tensor) -> Any:
        if self.miner is None:
            return None
        self._last = None  # frees its memory while the next batch is mined
        picks = self.miner(embeddings, labels)
        self._last = embeddings, labels, picks
        return picks
