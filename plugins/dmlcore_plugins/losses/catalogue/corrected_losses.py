"""Losses of pytorch-metric-learning 2.9 that need corrections, each under the library's own name.

Values and gradients are the library's wherever it computes the loss that its paper defines.
"""

from __future__ import annotations

import warnings
from math import comb
from typing import Any

import torch
from pytorch_metric_learning import losses
from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_triplets, convert_to_weights
from torch import Tensor

EDGE = 1e-6
"""How far from ±1 a cosine is kept, where the library fails at ±1 itself."""


class FlatTerms:
    """Returns terms (n, 1) as (n,): the library's reducers "class_weighted" and "per_anchor" fail on the former."""

    def compute_loss(self, *given: Any) -> dict[str, Any]:
        """The terms of the loss, by part."""
        parts: dict[str, Any] = super().compute_loss(*given)  # type: ignore[misc]  # of the library's class
        for part in parts.values():
            if isinstance(part["losses"], Tensor):
                part["losses"] = part["losses"].flatten()
        return parts


class TupletMarginLoss(FlatTerms, losses.TupletMarginLoss):  # type: ignore[misc]  # the library is untyped, here and below
    """With flat terms, and defined for equal embeddings, where the library's angle and its gradient are NaN."""

    def _compute_loss(self, positives: Tensor, negatives: Tensor, picks: Any) -> Any:
        if len(positives):
            positives = positives.clamp(EDGE - 1, 1 - EDGE)
        return super()._compute_loss(positives, negatives, picks)


class HistogramLoss(losses.HistogramLoss):  # type: ignore[misc]
    """Defined for equal embeddings, for which the library looks up a bin beyond its last.

    The library indexes by lists, which torch interprets differently from version 2.9 on; this class does not.
    """

    def compute_loss(self, embeddings: Tensor, labels: Tensor, picks: Any, *_: Any) -> Any:
        """The loss, as the library's terms."""
        anchors, positives, negatives = convert_to_triplets(picks, labels, t_per_anchor="all")
        if len(anchors) == 0:
            return self.zero_losses()
        similarities = self.distance(embeddings)
        near = self.compute_density(similarities[different_pairs(anchors, positives)])
        far = self.compute_density(similarities[different_pairs(anchors, negatives)])
        loss = (far * near.cumsum(0)).sum()
        return {"loss": {"losses": loss, "indices": None, "reduction_type": "already_reduced"}}

    def compute_density(self, similarities: Tensor) -> Tensor:
        """similarities: (n,) → (bins + 1,)."""
        density: Tensor = super().compute_density(similarities.clamp(-1, 1 - EDGE))
        return density


def different_pairs(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Indices of pairs, each pair once, whichever of the two comes first."""
    pairs = torch.unique(torch.stack([first, second]).sort(dim=0).values, dim=1)
    return pairs[0], pairs[1]


class DynamicSoftMarginLoss(losses.DynamicSoftMarginLoss):  # type: ignore[misc]
    """Trains for more than one step, resumes exactly, and has a bin for the largest difference.

    The library's histogram of past batches keeps their graphs, is not part of the state, and lacks the upper edge of
    its last bin.
    """

    hist_: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        del self.hist_
        self.register_buffer("hist_", torch.zeros(self.num_bins + 1))

    def update_histogram(self, differences: Tensor) -> None:
        """differences: (n,), positive distance less negative."""
        self.hist_ = self.hist_.detach()
        super().update_histogram(self._within(differences))

    def weigh_loss(self, differences: Tensor) -> Tensor:
        """differences: (n,) → (n,), each times its place in the distribution."""
        places = ((self._within(differences) - self.min_val) / self.delta).floor().long()
        weighed: Tensor = self.hist_.cumsum(0)[places] * differences
        return weighed

    def _within(self, differences: Tensor) -> Tensor:
        return differences.clamp(self.min_val, -self.min_val * (1 - EDGE))


class WholeMargin:
    """Computes the library's binomial coefficients without its deprecated mixture of scipy and tensors."""

    margin: int

    def init_margin(self) -> None:
        """The terms of cos(mθ) as a polynomial (equation 7 of Liu et al., 2016)."""
        self.max_n = self.margin // 2
        self.n_range = torch.arange(self.max_n + 1)
        self.margin_choose_n = torch.tensor([float(comb(self.margin, 2 * n)) for n in range(self.max_n + 1)])
        self.cos_powers = self.margin - 2 * self.n_range
        self.alternating = (-1) ** self.n_range


class RankedListLoss(losses.RankedListLoss):  # type: ignore[misc]
    """Without the library's warning above Tn = 5: the paper has 10, and what overflows is refused."""

    def __init__(self, **settings: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(**settings)


class SmoothAPLoss(losses.SmoothAPLoss):  # type: ignore[misc]
    """For any batch: the library splits the batch into wrong classes unless their number is that of images of each.

    It also requires them in order. The paper and its code have neither condition.
    """

    def compute_loss(self, embeddings: Tensor, labels: Tensor, picks: Any, *_: Any) -> Any:
        """Return one minus the smoothed average precision of each image's ranking, with the image itself first."""
        same = labels[:, None] == labels
        similarities = self.distance(embeddings)
        ahead = ((similarities[:, None] - similarities[:, :, None]) / self.temperature).sigmoid()
        ahead = ahead * ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        ranks = 1 + ahead.sum(2)
        ranks_in_class = 1 + (ahead * same[:, None]).sum(2)
        precisions = (ranks_in_class / ranks * same).sum(1) / same.sum(1)
        terms = (1 - precisions) * convert_to_weights(picks, labels, dtype=precisions.dtype)
        places = torch.arange(len(labels), device=labels.device)
        return {"loss": {"losses": terms, "indices": places, "reduction_type": "element"}}


def _corrected(library: type, correction: type) -> type:
    """The library's class with a correction that several of its classes need."""
    return type(library.__name__, (correction, library), {})


AngularLoss = _corrected(losses.AngularLoss, FlatTerms)
CircleLoss = _corrected(losses.CircleLoss, FlatTerms)
GeneralizedLiftedStructureLoss = _corrected(losses.GeneralizedLiftedStructureLoss, FlatTerms)
LiftedStructureLoss = _corrected(losses.LiftedStructureLoss, FlatTerms)
MultiSimilarityLoss = _corrected(losses.MultiSimilarityLoss, FlatTerms)
LargeMarginSoftmaxLoss = _corrected(losses.LargeMarginSoftmaxLoss, WholeMargin)
SphereFaceLoss = _corrected(losses.SphereFaceLoss, WholeMargin)
