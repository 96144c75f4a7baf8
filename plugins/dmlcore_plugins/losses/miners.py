"""Miners of pytorch-metric-learning: which pairs and triplets of a batch a loss uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

from attrs import evolve, frozen

from dmlcore import LossContext, MinerConfig, StudyError, hookimpl, option
from dmlcore_plugins.losses.distances import Distance, build_distance

if TYPE_CHECKING:
    import torch


@frozen
class TripletMargin(MinerConfig):
    """Triplets by how much farther the negative is than the positive (semi-hard: Schroff et al., 2015).

    With the gap g = d(a, n) − d(a, p), or s(a, p) − s(a, n) for cosine, it picks

        all        g ≤ margin         every triplet that breaks the margin
        hard       g ≤ 0              the negative is not farther than the positive
        semihard   0 < g ≤ margin     the negative is farther, by no more than the margin

    Distance and margin are those of the loss unless set here, so that a study that varies `loss.margin` mines
    by the margin that it trains with. The contrastive loss has no margin between positives and negatives: set
    one there.
    """

    name = "triplet_margin"
    libraries = ("pytorch-metric-learning",)

    triplets: Literal["all", "hard", "semihard"] = option("semihard", help="which triplets are picked")
    margin: float | None = option(None, gt=0, help="largest gap; left out: the margin of the triplet loss")
    distance: Distance | None = option(None, help="what the gap is measured on; left out: the loss's distance")

    def __attrs_post_init__(self) -> None:
        if self.triplets == "hard" and self.margin is not None:
            raise ValueError(
                'triplets = "hard" picks those whose negative is not farther than the positive, whatever the '
                'margin; leave margin out, or use triplets = "semihard" or "all"'
            )

    @property
    def lacks_margin(self) -> bool:
        """Whether it must take its margin from the loss."""
        return self.margin is None and self.triplets != "hard"

    def of_loss(self, distance: Distance, margin: float | None) -> Self:
        """This miner, with the loss's distance and margin where it needs them and has none of its own."""
        return evolve(self, distance=self.distance or distance, margin=margin if self.lacks_margin else self.margin)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives of the picked triplets.

        Raises StudyError where neither the study nor the loss says the margin or the distance.
        """
        from pytorch_metric_learning.miners import TripletMarginMiner

        if self.distance is None:
            raise StudyError(self._left_open("distance", '"euclidean"'))
        if self.lacks_margin:
            raise StudyError(self._left_open("margin", "0.1"))
        miner: torch.nn.Module = TripletMarginMiner(
            margin=self.margin or 0, type_of_triplets=self.triplets, distance=build_distance(self.distance)
        )
        return miner

    def _left_open(self, name: str, example: str) -> str:
        return (
            f'The miner "{self.name}" with triplets = "{self.triplets}" needs a {name}, and this loss has none for '
            f"it to take. Set loss.miner.{name}, such as {example}."
        )


@frozen
class BatchHard(MinerConfig):
    """Each anchor's farthest positive and nearest negative in the batch (Hermans et al., 2017).

    One triplet an anchor. All distances on the unit sphere put pairs in the same order, so there is none to
    choose.
    """

    name = "batch_hard"
    libraries = ("pytorch-metric-learning",)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives."""
        from pytorch_metric_learning.miners import BatchHardMiner

        miner: torch.nn.Module = BatchHardMiner(distance=build_distance("cosine"))
        return miner


@frozen
class MultiSimilarity(MinerConfig):
    """Pairs that are hard beside an anchor's other pairs (Wang et al., 2019, equations 8 and 9).

    By cosine: a negative that is nearer than the anchor's farthest positive less ε, a positive that is
    farther than its nearest negative plus ε.
    """

    name = "multi_similarity"
    libraries = ("pytorch-metric-learning",)

    epsilon: float = option(0.1, ge=0, le=2, unit="cosine", help="ε: the larger, the more pairs are picked")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors and positives, anchors and negatives."""
        from pytorch_metric_learning.miners import MultiSimilarityMiner

        miner: torch.nn.Module = MultiSimilarityMiner(epsilon=self.epsilon, distance=build_distance("cosine"))
        return miner


def mined(
    loss: torch.nn.Module,
    miner: MinerConfig | None,
    context: LossContext,
    *,
    distance: Distance,
    margin: float | None = None,
) -> torch.nn.Module:
    """The loss on what the miner picks; on all of the batch without one.

    distance, margin: the loss's, for a miner that leaves its own open.
    """
    from dmlcore_plugins.losses.mining import MinedLoss

    if miner is None:
        return loss
    if isinstance(miner, TripletMargin):
        miner = miner.of_loss(distance, margin)
    return MinedLoss(loss, miner.build(context))


@hookimpl
def dmlcore_register_miners() -> Sequence[type[MinerConfig]]:
    return [TripletMargin, BatchHard, MultiSimilarity]
