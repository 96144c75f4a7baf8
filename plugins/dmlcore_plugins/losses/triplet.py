"""The triplet loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from dmlcore import LossConfig, LossContext, MarginAxis, MinerConfig, hookimpl, option
from dmlcore_plugins.losses.distances import Distance, build_distance
from dmlcore_plugins.losses.miners import built_miner

if TYPE_CHECKING:
    import torch


@frozen
class Triplet(LossConfig):
    """Triplet loss (Schroff et al., 2015): a negative must be farther than a positive by a margin.

    For anchor a, positive p and negative n, the mean over the triplets with a term above zero of

        euclidean           max(d(a, p) − d(a, n) + margin, 0)
        squared_euclidean   max(d(a, p)² − d(a, n)² + margin, 0)
        cosine              max(s(a, n) − s(a, p) + margin, 0)

    A margin needs its distance: d² = 2 − 2s, so squared_euclidean 0.2 is cosine 0.1 with twice its loss, and neither
    equals any Euclidean margin. Embeddings are L2-normalized here, whether or not the study does it. Take
    `triplet_margin` for another distance, reducer, regularizer or a memory, to swap, or for a smooth loss.
    """

    name = "triplet"
    libraries = ("pytorch-metric-learning",)
    margin_kind = "difference"

    distance: Distance = option("euclidean", help="what the margin is measured on")
    margin: float = option(
        0.1, gt=0, help="how much farther than a positive a negative must be; at most 2, squared_euclidean 4"
    )
    miner: MinerConfig | None = option(None, help="selects the triplets that count; default: all of the batch")

    def __attrs_post_init__(self) -> None:
        largest = 4 if self.distance == "squared_euclidean" else 2
        if self.margin > largest:
            raise ValueError(
                f'margin = {self.margin:g} can\'t be reached: with distance = "{self.distance}" a negative is at '
                f"most {largest} farther than a positive"
            )

    @property
    def formula(self) -> str:
        term = {"euclidean": "d_{ap} - d_{an}", "squared_euclidean": "d_{ap}^2 - d_{an}^2", "cosine": "s_{an} - s_{ap}"}
        mined = r",\quad T\mathrm{:\ picked\ by\ the\ miner}" if self.miner else ""
        return (
            r"L = \frac{1}{|T_{>0}|} \sum_{(a,p,n) \in T} "
            rf"\max({term[self.distance]} + m, 0){mined}"
        )

    @property
    def margin_axis(self) -> MarginAxis:
        return self.distance

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → loss (); see LossConfig.build."""
        from pytorch_metric_learning.losses import TripletMarginLoss

        from dmlcore_plugins.losses.mining import MinedLoss

        loss = TripletMarginLoss(margin=self.margin, distance=build_distance(self.distance))
        return MinedLoss(loss, built_miner(self.miner, context, self.distance, self.margin))


@hookimpl
def dmlcore_register_losses() -> Sequence[type[LossConfig]]:
    return [Triplet]
