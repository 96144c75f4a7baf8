"""The miner of triplets that takes margin and distance of its loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attrs import evolve, frozen

from dmlcore import LossContext, MinerConfig, StudyError, hookimpl, option
from dmlcore_plugins.losses.distances import Distance, build_distance

if TYPE_CHECKING:
    import torch


@frozen
class TripletMargin(MinerConfig):
    """Triplets by how much farther the negative is than the positive (semi-hard: Schroff et al., 2015).

    With the gap g = d(a, n) − d(a, p), or s(a, p) − s(a, n) for cosine, it selects

        all        g ≤ margin         every triplet that violates the margin
        hard       g ≤ 0              the negative is not farther than the positive
        semihard   0 < g ≤ margin     the negative is farther, by no more than the margin

    Distance and margin are those of the loss unless set here, so that a study that varies `loss.margin` mines
    by the margin that it trains with. The contrastive loss has no margin between positives and negatives: set
    one here. Take `pml_triplet_margin` for easy triplets, a margin below 0 or another distance.
    """

    name = "triplet_margin"
    libraries = ("pytorch-metric-learning",)

    triplets: Literal["all", "hard", "semihard"] = option("semihard", help="which triplets are selected")
    margin: float | None = option(None, gt=0, help="largest gap; default: the margin of the triplet loss")
    distance: Distance | None = option(None, help="what the gap is measured on; default: the loss's distance")

    def __attrs_post_init__(self) -> None:
        if self.triplets == "hard" and self.margin is not None:
            raise ValueError(
                'triplets = "hard" selects those with a negative not farther than the positive, for any margin; '
                'remove margin, or use triplets = "semihard" or "all"'
            )

    @property
    def lacks_margin(self) -> bool:
        """Whether it must take its margin from the loss."""
        return self.margin is None and self.triplets != "hard"

    @property
    def no_margin(self) -> str:
        """The message for a loss without a margin that it could take."""
        return (
            f'the miner "{self.name}" with triplets = "{self.triplets}" needs a margin between positives and '
            "negatives, and this loss has none; set miner.margin, such as 0.1"
        )

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives of the selected triplets.

        Raises StudyError if neither the study nor the loss sets the margin or the distance.
        """
        from pytorch_metric_learning.miners import TripletMarginMiner

        if self.distance is None or self.lacks_margin:
            name, example = ("margin", "0.1") if self.distance else ("distance", '"euclidean"')
            raise StudyError(
                f'The miner "{self.name}" with triplets = "{self.triplets}" needs a {name}, and this loss has none. '
                f"Set loss.miner.{name}, such as {example}."
            )
        miner: torch.nn.Module = TripletMarginMiner(
            margin=self.margin or 0, type_of_triplets=self.triplets, distance=build_distance(self.distance)
        )
        return miner


def built_miner(
    miner: MinerConfig | None, context: LossContext, distance: Distance | None, margin: float | None
) -> torch.nn.Module | None:
    """The miner's module; one that sets no distance or margin takes that of the loss."""
    if isinstance(miner, TripletMargin):
        miner = evolve(
            miner, distance=miner.distance or distance, margin=margin if miner.lacks_margin else miner.margin
        )
    return None if miner is None else miner.build(context)


@hookimpl
def dmlcore_register_miners() -> Sequence[type[MinerConfig]]:
    return [TripletMargin]
