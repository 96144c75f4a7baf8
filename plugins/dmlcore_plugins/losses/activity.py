"""What the library's losses on pairs, triplets and proxies act on, as shares of the batch's.

A pair or triplet is active if it is part of a term above zero. Where no term is ever zero, it is active if its own
part in the sum is above that at its margin; without a margin, if a negative is nearer than a positive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_pairs, convert_to_triplets
from torch import Tensor

from dmlcore_plugins.losses.active import pair_shares, picked_pairs, possible_triplets, same_class, triplet_shares

Shares = dict[str, Tensor]
Activity = Callable[[Any, Tensor, Tensor, Any], Shares]
"""A loss of the library, embeddings (B, D), labels (B,), picks of a miner or None → shares."""

Bounds = Callable[[Any, Tensor, Tensor, Tensor], tuple[Any, Any]]
"""A loss, the measures of its positive pairs (P,) and negative pairs (N,), labels → where each become active."""


def beyond(bounds: Bounds) -> Activity:
    """Positive pairs farther than the first bound, negative pairs nearer than the second."""

    def activity(loss: Any, embeddings: Tensor, labels: Tensor, picks: Any) -> Shares:
        measures = loss.distance(embeddings)
        near, far = _chosen(picks, labels)
        pull, push = bounds(loss, measures[near], measures[far], labels)
        pulled, pushed = loss.distance.margin(measures, pull) > 0, loss.distance.margin(push, measures) > 0
        return pair_shares(pulled & near, pushed & far, *same_class(labels))

    return activity


def _chosen(picks: Any, labels: Tensor) -> tuple[Tensor, Tensor]:
    return same_class(labels) if picks is None else picked_pairs(picks, labels)


def _around_means(loss: Any, positives: Tensor, negatives: Tensor, _: Tensor) -> tuple[Any, Any]:
    sign = 1 if loss.distance.is_inverted else -1
    return (1 - sign * loss.pos_eps) * positives.mean(), (1 + sign * loss.neg_eps) * negatives.mean()


def _overlapping(_loss: Any, positives: Tensor, negatives: Tensor, _: Tensor) -> tuple[Any, Any]:
    """Cosines: the nearest negative, and the farthest positive."""
    edge = positives.new_tensor([2.0])
    return torch.cat([negatives, -edge]).max(), torch.cat([positives, edge]).min()


def _around_beta(loss: Any, _positives: Tensor, _negatives: Tensor, labels: Tensor) -> tuple[Any, Any]:
    beta = loss.beta if len(loss.beta) == 1 else loss.beta[labels][:, None]
    reach = -loss.margin if loss.distance.is_inverted else loss.margin
    return beta - reach, beta + reach


def within(excess: Callable[[Any, Tensor, Tensor, Tensor, Tensor], Tensor]) -> Activity:
    """Triplets with an excess above zero, and the pairs in them."""

    def activity(loss: Any, embeddings: Tensor, labels: Tensor, picks: Any) -> Shares:
        triplets = convert_to_triplets(picks, labels, t_per_anchor="all")
        active = excess(loss, loss.distance(embeddings), *triplets) > 0
        return triplet_shares(tuple(part[active] for part in triplets), labels)

    return activity


def triplets(loss: Any, embeddings: Tensor, labels: Tensor, picks: Any) -> Shares:
    """As `within`, with memory for B² numbers alone if all triplets of the batch count."""
    if picks is not None or loss.swap:
        return within(_swapped)(loss, embeddings, labels, picks)
    # a negative is active if it is nearer than the positive and the margin: among an anchor's negatives from near
    # to far, all up to a place that is searched for
    distances = loss.distance(embeddings)
    far = -distances if loss.distance.is_inverted else distances
    positives, negatives = same_class(labels)
    known = ~far.isnan()
    reach = (far + loss.margin).where(positives & known, -torch.inf)
    ordered = far.where(negatives & known, torch.inf).sort(dim=1).values
    nearer = torch.searchsorted(ordered, reach)
    shares = pair_shares(nearer > 0, far < reach.amax(1, keepdim=True), positives, negatives)
    return {"active_triplets": nearer.sum() / possible_triplets(labels), **shares}


def _swapped(loss: Any, measures: Tensor, a: Tensor, p: Tensor, n: Tensor) -> Tensor:
    negatives = measures[a, n]
    if loss.swap:
        negatives = loss.distance.smallest_dist(negatives, measures[p, n])
    excess: Tensor = loss.distance.margin(measures[a, p], negatives) + loss.margin
    return excess


def _ranked(loss: Any, measures: Tensor, a: Tensor, p: Tensor, n: Tensor) -> Tensor:
    excess: Tensor = loss.distance.margin(measures[a, p], measures[a, n])
    return excess


def _turned(loss: Any, cosines: Tensor, a: Tensor, p: Tensor, n: Tensor) -> Tensor:
    excess: Tensor = cosines[a, n] - (cosines[a, p].clamp(-1, 1).acos() - loss.margin).cos()
    return excess


def angular(loss: Any, embeddings: Tensor, labels: Tensor, picks: Any) -> Shares:
    """Triplets with an angle above the bound: of the selected positive pairs, with all negatives."""
    anchors, positives = convert_to_pairs(picks, labels)[:2]
    unit = loss.distance.normalize(embeddings)
    a, p = unit[anchors], unit[positives]
    square = loss.alpha.tan() ** 2
    excess = 4 * square * (a + p) @ embeddings.T - 2 * (1 + square) * (a * p).sum(1, keepdim=True)
    pair, negatives = ((excess > 0) & (labels[anchors, None] != labels)).nonzero(as_tuple=True)
    return triplet_shares((anchors[pair], positives[pair], negatives), labels)


def lifted(loss: Any, embeddings: Tensor, labels: Tensor, picks: Any) -> Shares:
    """Positive pairs with a term above zero, and the negatives of their two images."""
    measures = loss.distance(embeddings)
    near, far = _chosen(picks, labels)
    push = _sum_of_exponents(loss.distance.margin(loss.neg_margin, measures), far)
    terms = torch.logaddexp(push[:, None], push).nan_to_num(neginf=0) + loss.distance.margin(measures, loss.pos_margin)
    pulled = (terms > 0) & near
    return pair_shares(pulled, (pulled.any(1) | pulled.any(0))[:, None] & far, *same_class(labels))


def lifted_anchors(loss: Any, embeddings: Tensor, labels: Tensor, picks: Any) -> Shares:
    """The pairs of anchors with a term above zero."""
    measures = loss.distance(embeddings)
    near, far = _chosen(picks, labels)
    pull = _sum_of_exponents(loss.distance.margin(measures, loss.pos_margin), near).nan_to_num(neginf=0)
    push = _sum_of_exponents(loss.distance.margin(loss.neg_margin, measures), far).nan_to_num(neginf=0)
    active = (pull + push > 0)[:, None]
    return pair_shares(active & near, active & far, *same_class(labels))


def _sum_of_exponents(exponents: Tensor, chosen: Tensor) -> Tensor:
    """The logarithm of each row's sum, (B, B) → (B,): -inf where nothing is chosen, for which the library has 0."""
    return exponents.masked_fill(~chosen, -torch.inf).logsumexp(1)


def proxies(loss: Any, embeddings: Tensor, labels: Tensor, _picks: Any) -> Shares:
    """Pairs of image and own proxy of similarity below δ, and of image and other proxy above −δ."""
    measures = loss.distance(embeddings, loss.proxies.to(embeddings.dtype))
    own = labels[:, None] == torch.arange(loss.num_classes, device=labels.device)
    pulled, pushed = loss.distance.margin(measures, loss.margin) > 0, loss.distance.margin(-loss.margin, measures) > 0
    return pair_shares(pulled, pushed, own, ~own)


ACTIVITIES: Mapping[str, Activity] = {
    "AngularLoss": angular,
    "CircleLoss": beyond(lambda loss, *_: (loss.delta_p, loss.delta_n)),
    "ContrastiveLoss": beyond(lambda loss, *_: (loss.pos_margin, loss.neg_margin)),
    "DynamicSoftMarginLoss": within(_ranked),
    "GeneralizedLiftedStructureLoss": lifted_anchors,
    "HistogramLoss": beyond(_overlapping),
    "IntraPairVarianceLoss": beyond(_around_means),
    "LiftedStructureLoss": lifted,
    "MarginLoss": beyond(_around_beta),
    "MultiSimilarityLoss": beyond(lambda loss, *_: (loss.base, loss.base)),
    "NTXentLoss": within(_ranked),
    "ProxyAnchorLoss": proxies,
    "SignalToNoiseRatioContrastiveLoss": beyond(lambda loss, *_: (loss.pos_margin, loss.neg_margin)),
    "ThresholdConsistentMarginLoss": beyond(lambda loss, *_: (loss.margin_plus, loss.margin_minus)),
    "TripletMarginLoss": triplets,
    "TupletMarginLoss": within(_turned),
}
"""Class of the library → its activity."""
