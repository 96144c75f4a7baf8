"""What pytorch-metric-learning's contrastive loss lacks: the gate, and the mean over anchors."""

from __future__ import annotations

from typing import Any

from pytorch_metric_learning.losses import ContrastiveLoss
from pytorch_metric_learning.reducers import BaseReducer
from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_pairs
from torch import Tensor

Pairs = tuple[Tensor, Tensor, Tensor, Tensor]
"""Indices of anchors and their positives, then of anchors and their negatives."""


class Hinge(ContrastiveLoss):  # type: ignore[misc]  # the library is untyped
    """The library's loss; a negative beyond the margin counts by how far it is beyond."""

    def compute_loss(
        self, embeddings: Tensor, labels: Tensor, picks: Any, other_embeddings: Tensor, other_labels: Tensor
    ) -> Any:
        """The library's, without its rule that a single mined pair of each sort gives no loss."""
        pairs: Pairs = convert_to_pairs(picks, labels, other_labels)
        return self.pair_based_loss(self.distance(embeddings, other_embeddings), pairs)


class Gate(Hinge):
    """A negative beyond the margin counts with its whole similarity."""

    def neg_calc(self, similarities: Tensor, margin: float) -> Tensor:
        """similarities: one a pair → their terms."""
        return similarities.where(similarities > margin, 0.0)


class AnchorMean(BaseReducer):  # type: ignore[misc]  # the library is untyped
    """The terms summed for each anchor, and the mean of that over all B images of the batch."""

    def pos_pair_reduction(self, terms: Tensor, pairs: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
        """terms: one a pair → ()."""
        return terms.sum() / len(embeddings)

    neg_pair_reduction = pos_pair_reduction
