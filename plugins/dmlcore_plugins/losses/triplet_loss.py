"""What pytorch-metric-learning's triplet loss lacks: the share of active triplets."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_metric_learning.losses import TripletMarginLoss
from torch import Tensor

from dmlcore_plugins.losses.active import pair_shares, possible_triplets, same_class
from dmlcore_plugins.losses.activity import ACTIVITIES


class TripletLoss(TripletMarginLoss):  # type: ignore[misc]  # the library is untyped
    """The library's loss, with its activity."""

    def activity(self, embeddings: Tensor, labels: Tensor, picks: Any = None) -> dict[str, Tensor]:
        """Of all triplets of the batch, embeddings (B, D), those that are selected and have a term above zero.

        Of all pairs, those that are part of one. Memory is for B² numbers, and for the triplets that a miner selects.
        """
        if picks is not None:
            return ACTIVITIES["TripletMarginLoss"](self, embeddings, labels, picks)
        # a negative is active if it is nearer than the positive and the margin: among an anchor's negatives from near
        # to far, all up to a place that is searched for
        distances = self.distance(embeddings)
        far = -distances if self.distance.is_inverted else distances
        positives, negatives = same_class(labels)
        reach = (far + self.margin).where(positives, -torch.inf)
        ordered = far.where(negatives, torch.inf).sort(dim=1).values
        nearer = torch.searchsorted(ordered, reach)
        shares = pair_shares(nearer > 0, far < reach.amax(1, keepdim=True), positives, negatives)
        return {"active_triplets": nearer.sum() / possible_triplets(labels), **shares}
