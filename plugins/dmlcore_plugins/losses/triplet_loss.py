"""What pytorch-metric-learning's triplet loss lacks: the share of active triplets."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_triplets
from torch import Tensor

from dmlcore_plugins.losses.active import pair_shares, same_class


class TripletLoss(TripletMarginLoss):  # type: ignore[misc]  # the library is untyped
    """The library's loss, which can also tell what it acts on."""

    def activity(self, embeddings: Tensor, labels: Tensor, picks: Any = None) -> dict[str, Tensor]:
        """Of all triplets of the batch, embeddings (B, D), those that are picked and have a term above zero.

        Of all pairs, those that are part of one. Memory is for B² numbers, and for the triplets that a miner picks.
        """
        distances = self.distance(embeddings)
        far = -distances if self.distance.is_inverted else distances
        positives, negatives = same_class(labels)
        possible = (positives.sum(1) * negatives.sum(1)).sum()
        if picks is None:
            active, pulled, pushed = self._of_all(far, positives, negatives)
        else:
            active, pulled, pushed = self._of_picks(far, convert_to_triplets(picks, labels))
        return {"active_triplets": active / possible, **pair_shares(pulled, pushed, positives, negatives)}

    def _of_all(self, far: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """How many triplets are active, and the (B, B) pairs of anchor and positive, anchor and negative in them.

        far: (B, B), grows with distance. A negative is active where it is nearer than the positive and the margin:
        among an anchor's negatives from near to far, all up to a place that is searched for.
        """
        reach = (far + self.margin).where(positives, -torch.inf)
        ordered = far.where(negatives, torch.inf).sort(dim=1).values
        nearer = torch.searchsorted(ordered, reach)
        return nearer.sum(), nearer > 0, far < reach.amax(1, keepdim=True)

    def _of_picks(self, far: Tensor, triplets: Any) -> tuple[Tensor, Tensor, Tensor]:
        """The same of the triplets that a miner picked, each counted once."""
        anchors, positives, negatives = triplets
        active = far[anchors, positives] - far[anchors, negatives] + self.margin > 0
        anchors, positives, negatives = anchors[active], positives[active], negatives[active]
        pulled, pushed = torch.zeros_like(far, dtype=torch.bool), torch.zeros_like(far, dtype=torch.bool)
        pulled[anchors, positives] = True
        pushed[anchors, negatives] = True
        numbers = (anchors * len(far) + positives) * len(far) + negatives
        return torch.tensor(len(numbers.unique()), device=far.device), pulled, pushed
