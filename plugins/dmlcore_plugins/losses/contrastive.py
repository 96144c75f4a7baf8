"""The contrastive loss, in both of its published meanings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from dmlcore import LossConfig, LossContext, MarginAxis, MinerConfig, hookimpl, option
from dmlcore_plugins.losses.distances import build_distance
from dmlcore_plugins.losses.miners import TripletMargin, built_miner

if TYPE_CHECKING:
    import torch


@frozen
class Contrastive(LossConfig):
    """Contrastive loss (Hadsell et al., 2006, without the squares): pull positives, push negatives past a margin.

    A pair has the cosine s and, on the unit sphere, the Euclidean distance d, where d² = 2 − 2s. With the
    margin m for negatives and p for positives, a pair's term is

        distance      positive pair    negative pair
        cosine        max(p − s, 0)    max(s − m, 0) with "hinge"; s if s > m, else 0, with "gate"
        euclidean     max(d − p, 0)    max(m − d, 0)

    By default p pulls positives all the way: p = 1 for cosine, 0 for euclidean. Two implementations differ in what
    they call "contrastive, margin 0.5":

    - bnu-wangxun/Deep_Metric: cosine, gate, anchor_mean, which sums each anchor's terms and averages over the
      anchors;
    - pytorch-metric-learning with neg_margin 0.5, also Proxy-Anchor's repository: euclidean, nonzero_mean,
      which averages the terms above zero, separately for positives and negatives. Its m = 0.5 is the cosine 0.875.

    The cosine 0.5 is the Euclidean distance 1. A gate has the gradient of the hinge: it gives another loss
    curve and the same network. Embeddings are L2-normalized here, whether or not the study does it. Take
    `pml_contrastive` for another distance, reducer, regularizer or a memory.
    """

    name = "contrastive"
    libraries = ("pytorch-metric-learning",)
    margin_kind = "threshold"

    distance: Literal["cosine", "euclidean"] = option("cosine", help="what both margins are measured on")
    margin: float = option(
        0.5, help="negatives nearer than this are pushed away: a cosine ≥ -1 and < 1, or a distance > 0 and ≤ 2"
    )
    positive_margin: float | None = option(
        None, help="positives farther apart than this are pulled; default: all, as with the cosine 1 or distance 0"
    )
    negative: Literal["hinge", "gate"] = option(
        "hinge", help='what a negative inside the margin adds: its excess, or (cosine only, "gate") its cosine'
    )
    reduction: Literal["nonzero_mean", "anchor_mean"] = option(
        "nonzero_mean",
        help="mean over terms above zero, separately for positives and negatives; or over the anchors' sums",
    )
    miner: MinerConfig | None = option(
        None, help="selects the pairs that count (a mined triplet has two); default: all of the batch"
    )

    def __attrs_post_init__(self) -> None:
        if self.negative == "gate" and self.distance != "cosine":
            raise ValueError(
                'negative = "gate" counts a cosine, so it goes with distance = "cosine" only; '
                'use negative = "hinge" here'
            )
        if isinstance(self.miner, TripletMargin) and self.miner.lacks_margin:
            raise ValueError(self.miner.no_margin)
        low, high = (-1, 1) if self.distance == "cosine" else (0, 2)
        for name, value in (("margin", self.margin), ("positive_margin", self._pull)):
            if not low <= value <= high:
                raise ValueError(
                    f'{name} = {value:g} can\'t be reached: with distance = "{self.distance}" all pairs are '
                    f"between {low} and {high}"
                )
        if self.margin == self._nearest:
            raise ValueError(
                f'margin = {self.margin:g} with distance = "{self.distance}" pushes no negative away, so that all '
                f"embeddings could become equal; try {0.5 if self.distance == 'cosine' else 1}"
            )
        if self.negative == "gate" and self.margin < 0:
            raise ValueError(
                f'margin = {self.margin:g} with negative = "gate" would count cosines below 0 as a negative '
                'loss; use a margin of 0 or more, or negative = "hinge"'
            )
        if abs(self._pull - self._nearest) > abs(self.margin - self._nearest):
            raise ValueError(
                f"positive_margin = {self._pull:g} lets positives be farther apart than margin = {self.margin:g} "
                f'pushes negatives (distance = "{self.distance}"); bring it to {self.margin:g} or nearer to '
                f"{self._nearest}"
            )

    @property
    def _nearest(self) -> int:
        """The measure of two equal embeddings."""
        return 1 if self.distance == "cosine" else 0

    @property
    def _pull(self) -> float:
        return self._nearest if self.positive_margin is None else self.positive_margin

    @property
    def formula(self) -> str:
        if self.distance == "cosine":
            nearest, positive, negative = "(1 - s_{ij})", r"\max(p - s_{ij}, 0)", r"\max(s_{ij} - m, 0)"
        else:
            nearest, positive, negative = "d_{ij}", r"\max(d_{ij} - p, 0)", r"\max(m - d_{ij}, 0)"
        if self.positive_margin is None:
            positive = nearest
        if self.negative == "gate":
            negative = r"s_{ij} [s_{ij} > m]"
        if self.reduction == "anchor_mean":
            means = (
                rf"\frac{{1}}{{B}} \sum_i \left( \sum_{{j \in P_i}} {positive} + \sum_{{j \in N_i}} {negative} \right)"
            )
        else:
            means = (
                rf"\frac{{1}}{{|P_{{>0}}|}} \sum_{{(i,j) \in P}} {positive}"
                rf" + \frac{{1}}{{|N_{{>0}}|}} \sum_{{(i,j) \in N}} {negative}"
            )
        mined = r",\quad P, N\mathrm{:\ picked\ by\ the\ miner}" if self.miner else ""
        return f"L = {means}{mined}"

    @property
    def margin_axis(self) -> MarginAxis:
        return self.distance

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → loss (); see LossConfig.build."""
        from dmlcore_plugins.losses.contrastive_loss import AnchorMean, Gate, Hinge
        from dmlcore_plugins.losses.mining import MinedLoss

        terms = Gate if self.negative == "gate" else Hinge
        loss = terms(
            pos_margin=self._pull,
            neg_margin=self.margin,
            distance=build_distance(self.distance),
            reducer=AnchorMean() if self.reduction == "anchor_mean" else None,
        )
        return MinedLoss(loss, built_miner(self.miner, context, self.distance, None))


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [Contrastive]
