"""What pytorch-metric-learning's Proxy-Anchor loss lacks: the share of active pairs of image and proxy."""

from __future__ import annotations

import torch
from pytorch_metric_learning.losses import ProxyAnchorLoss as LibrarysLoss
from torch import Tensor

from dmlcore_plugins.losses.active import pair_shares


class ProxyAnchorLoss(LibrarysLoss):  # type: ignore[misc]  # the library is untyped
    """The library's loss, which can also tell what it acts on."""

    def activity(self, embeddings: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Of the pairs of image and own proxy those of cosine below δ, of image and other proxy those above −δ.

        No term is ever zero; these are the pairs whose part in the sum is above 1, the part of a pair at its margin.
        """
        cosines = self.distance(embeddings, self.proxies.to(embeddings.dtype))
        own = labels[:, None] == torch.arange(self.num_classes, device=labels.device)
        return pair_shares(cosines < self.margin, cosines > -self.margin, own, ~own)
