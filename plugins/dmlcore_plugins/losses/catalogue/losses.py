"""Every loss of pytorch-metric-learning that takes embeddings and labels, by its options."""

from __future__ import annotations

from collections.abc import Sequence

from dmlcore import LossConfig, hookimpl
from dmlcore_plugins.losses.catalogue import (
    neighbour_losses,
    pair_losses,
    proxy_losses,
    ranking_losses,
    softmax_losses,
    triplet_losses,
    unlabelled_losses,
)
from dmlcore_plugins.losses.catalogue.library_loss import LibraryLoss

LOSSES: tuple[type[LibraryLoss], ...] = (
    pair_losses.Contrastive,
    pair_losses.SignalToNoiseRatioContrastive,
    pair_losses.LiftedStructure,
    pair_losses.GeneralizedLiftedStructure,
    pair_losses.IntraPairVariance,
    pair_losses.MultiSimilarity,
    pair_losses.Circle,
    pair_losses.ThresholdConsistentMargin,
    pair_losses.Histogram,
    triplet_losses.TripletMargin,
    triplet_losses.Margin,
    triplet_losses.Angular,
    triplet_losses.TupletMargin,
    triplet_losses.DynamicSoftMargin,
    neighbour_losses.NTXent,
    neighbour_losses.SupCon,
    neighbour_losses.NPairs,
    neighbour_losses.NCA,
    neighbour_losses.Instance,
    ranking_losses.FastAP,
    ranking_losses.SmoothAP,
    ranking_losses.PNP,
    ranking_losses.RankedList,
    softmax_losses.LargeMarginSoftmax,
    softmax_losses.SphereFace,
    softmax_losses.ArcFace,
    softmax_losses.SubCenterArcFace,
    softmax_losses.CosFace,
    softmax_losses.NormalizedSoftmax,
    softmax_losses.P2SGrad,
    proxy_losses.ProxyAnchor,
    proxy_losses.ProxyNCA,
    proxy_losses.SoftTriple,
)
REFUSED: tuple[type[LossConfig], ...] = (unlabelled_losses.Manifold, unlabelled_losses.VICReg)


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [*LOSSES, *REFUSED]
