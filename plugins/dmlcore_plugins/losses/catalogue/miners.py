"""Miners of pytorch-metric-learning, with all that they can be set to.

`triplet_margin`, `batch_hard` and `multi_similarity` stand in `losses/miners.py`, made to go with their loss; what the
library has beyond them is here under names that begin with `pml_`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import frozen

from dmlcore import DistanceConfig, LossContext, MinerConfig, hookimpl, option
from dmlcore_plugins.losses.catalogue.distances import SNR, Cosine, DotProduct, Lp, built_distance

if TYPE_CHECKING:
    import torch

Strategy = Literal["easy", "semihard", "hard", "all"]


@frozen
class Angular(MinerConfig):
    """Triplets whose angle at the negative is too wide (Wang et al., 2017, as in the angular loss).

        arctan(d(a, p) / (2 d(n, c))) > angle,  c = (a + p) / 2

    of Euclidean distances between L2-normalised embeddings; there is no other distance to choose.
    """

    name = "angular"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.AngularMiner"

    angle: float = option(20.0, gt=0, lt=90, unit="degrees", help="triplets with a wider one are picked")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives."""
        from dmlcore_plugins.losses.catalogue.guarded_miners import NormalizedAngularMiner

        return NormalizedAngularMiner(angle=self.angle)


@frozen
class BatchEasyHard(MinerConfig):
    """One positive and one negative an anchor, as easy or as hard as it is said (Xuan et al., 2020).

        easy       the nearest positive; the farthest negative
        hard       the farthest positive; the nearest negative
        semihard   the farthest positive that is nearer than the negative; the nearest negative that is farther than
                   the positive
        all        every pair

    "semihard" looks at the pair of the other sort, so it goes with "easy" or "hard" there. Anchors without a pair
    of either sort are left out, unless the other is "all".
    """

    name = "batch_easy_hard"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.BatchEasyHardMiner"

    pos_strategy: Strategy = option("easy", help="which positive of each anchor is picked")
    neg_strategy: Strategy = option("semihard", help="which negative of each anchor is picked")
    allowed_pos_range: tuple[float, float] | None = option(
        None, help='least and greatest distance (or similarity) of a positive; left out: any; not with "all"'
    )
    allowed_neg_range: tuple[float, float] | None = option(
        None, help='least and greatest distance (or similarity) of a negative; left out: any; not with "all"'
    )
    distance: DistanceConfig = option(Lp(), help="what is near and far")

    def __attrs_post_init__(self) -> None:
        strategies = (self.pos_strategy, self.neg_strategy)
        if "semihard" in strategies and strategies not in (
            ("semihard", "easy"), ("semihard", "hard"), ("easy", "semihard"), ("hard", "semihard")
        ):  # fmt: skip
            raise ValueError(
                f'pos_strategy = "{self.pos_strategy}" does not go with neg_strategy = "{self.neg_strategy}": '
                '"semihard" is measured against one pair of the other sort, so that must be "easy" or "hard"'
            )
        _check_range("pos", self.allowed_pos_range, self.pos_strategy, self.distance)
        _check_range("neg", self.allowed_neg_range, self.neg_strategy, self.distance)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors and positives, anchors and negatives."""
        from pytorch_metric_learning.miners import BatchEasyHardMiner

        miner: torch.nn.Module = BatchEasyHardMiner(
            pos_strategy=self.pos_strategy,
            neg_strategy=self.neg_strategy,
            allowed_pos_range=self.allowed_pos_range,
            allowed_neg_range=self.allowed_neg_range,
            distance=built_distance(self.distance, context),
        )
        return miner


@frozen
class PmlBatchHard(MinerConfig):
    """Each anchor's farthest positive and nearest negative, by any distance and within limits (Hermans et al., 2017).

    One triplet an anchor that has both. Prefer `batch_hard` unless you need another distance than one on the unit
    sphere, or limits.
    """

    name = "pml_batch_hard"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.BatchHardMiner"

    allowed_pos_range: tuple[float, float] | None = option(
        None, help="least and greatest distance (or similarity) of a positive; left out: any"
    )
    allowed_neg_range: tuple[float, float] | None = option(
        None, help="least and greatest distance (or similarity) of a negative; left out: any"
    )
    distance: DistanceConfig = option(Lp(), help="what is near and far")

    def __attrs_post_init__(self) -> None:
        _check_range("pos", self.allowed_pos_range, "hard", self.distance)
        _check_range("neg", self.allowed_neg_range, "hard", self.distance)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives."""
        from pytorch_metric_learning.miners import BatchHardMiner

        miner: torch.nn.Module = BatchHardMiner(
            allowed_pos_range=self.allowed_pos_range,
            allowed_neg_range=self.allowed_neg_range,
            distance=built_distance(self.distance, context),
        )
        return miner


@frozen
class DistanceWeighted(MinerConfig):
    """Negatives drawn so that near and far ones come equally often (Wu et al., 2017: sampling matters, section 4).

    For each anchor as many triplets as its class has images in the batch: a positive by chance, and a negative with
    a chance in proportion to 1 / q(d), where q is how often the distance d lies between points of a sphere

        q(d) ∝ d^(D − 2) (1 − d²/4)^((D − 3) / 2)

    of Euclidean distances between L2-normalised embeddings, d at least the cutoff; there is no other distance to
    choose. Chances are in float32, beside the batch's greatest: in high dimension an anchor whose negatives are all
    much farther than the batch's nearest is left out. Chance follows from the run's seed.
    """

    name = "distance_weighted"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.DistanceWeightedMiner"

    cutoff: float = option(0.5, gt=0, lt=2, unit="distance", help="nearer negatives have the chance of this distance")
    nonzero_loss_cutoff: float = option(1.4, gt=0, le=2, unit="distance", help="negatives from here on are not drawn")

    def __attrs_post_init__(self) -> None:
        if self.cutoff >= self.nonzero_loss_cutoff:
            raise ValueError(
                f"cutoff = {self.cutoff:g} takes all distances for at least that, and from nonzero_loss_cutoff = "
                f"{self.nonzero_loss_cutoff:g} on nothing is drawn, so there would be no triplet at all; cutoff must "
                "be less"
            )

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives."""
        from dmlcore_plugins.losses.catalogue.guarded_miners import FiniteDistanceWeightedMiner

        return FiniteDistanceWeightedMiner(cutoff=self.cutoff, nonzero_loss_cutoff=self.nonzero_loss_cutoff)


@frozen
class HDC(MinerConfig):
    """The hardest share of all positive pairs and of all negative pairs of the batch (Yuan et al., 2017).

    The paper's cascade, in which each level mines what the one before has picked, is a network of its own and is
    left out: this is one level.
    """

    name = "hdc"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.HDCMiner"

    filter_percentage: float = option(
        0.5, gt=0, le=1, help="share of the pairs that is picked, farthest positives and nearest negatives"
    )
    distance: DistanceConfig = option(Lp(), help="what is near and far")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors and positives, anchors and negatives."""
        from pytorch_metric_learning.miners import HDCMiner

        miner: torch.nn.Module = HDCMiner(
            filter_percentage=self.filter_percentage, distance=built_distance(self.distance, context)
        )
        return miner


@frozen
class PmlMultiSimilarity(MinerConfig):
    """Pairs that are hard beside an anchor's other pairs, by any distance (Wang et al., 2019, equations 8 and 9).

    A negative nearer than the anchor's farthest positive plus ε, a positive farther than its nearest negative less ε.
    Prefer `multi_similarity` unless you need another distance than the cosine.
    """

    name = "pml_multi_similarity"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.MultiSimilarityMiner"

    epsilon: float = option(0.1, ge=0, help="ε, on the distance: the larger, the more pairs are picked")
    distance: DistanceConfig = option(Cosine(), help="what is near and far")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors and positives, anchors and negatives."""
        from pytorch_metric_learning.miners import MultiSimilarityMiner

        miner: torch.nn.Module = MultiSimilarityMiner(
            epsilon=self.epsilon, distance=built_distance(self.distance, context)
        )
        return miner


@frozen
class PairMargin(MinerConfig):
    """Positive pairs that are too far apart and negative pairs that are too near.

        distance      positives picked     negatives picked
        lp, snr       d > pos_margin       d < neg_margin
        similarity    s < pos_margin       s > neg_margin

    Left out, the margins are the library's on the Euclidean distance d of the unit sphere, 0.2 and 0.8, and the same
    places on its other measures: d² 0.04 and 0.64, cosine 0.98 and 0.68. (The library takes 0.2 and 0.8 for cosines
    too, and picks nearly nothing.) Other distances have no fixed scale, so both must be set.
    """

    name = "pair_margin"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.PairMarginMiner"

    pos_margin: float | None = option(
        None, help="positives farther apart than this are picked; left out: the distance 0.2 of the unit sphere"
    )
    neg_margin: float | None = option(
        None, help="negatives nearer than this are picked; left out: the distance 0.8 of the unit sphere"
    )
    distance: DistanceConfig = option(Lp(), help="what both margins are measured on")

    def __attrs_post_init__(self) -> None:
        positive, negative = self.margins
        reach = _reach(self.distance)
        if positive is None or negative is None:
            raise ValueError(
                f'pos_margin and neg_margin must both be set with distance = "{self.distance.name}" as it is here: it '
                "has no fixed scale to take them from"
            )
        if reach is None:
            return
        nearest, farthest = reach
        if _farther(positive, negative, reach):
            raise ValueError(
                f"pos_margin = {positive:g} picks only positives that are farther apart than the negatives of "
                f'neg_margin = {negative:g} (with distance = "{self.distance.name}" {_direction(reach)}), so that '
                "pairs between them are never picked; exchange them, or bring them together"
            )
        if not _farther(farthest, positive, reach):
            raise ValueError(
                f'pos_margin = {positive:g} picks no positive: with distance = "{self.distance.name}" none is farther '
                f"apart than {farthest:g}"
            )
        if not _farther(negative, nearest, reach):
            raise ValueError(
                f'neg_margin = {negative:g} picks no negative: with distance = "{self.distance.name}" none is nearer '
                f"than {nearest:g}"
            )

    @property
    def margins(self) -> tuple[float | None, float | None]:
        """Of positives and of negatives; None where it must be set and is not."""
        return (
            _on_unit_sphere(self.distance, 0.2) if self.pos_margin is None else self.pos_margin,
            _on_unit_sphere(self.distance, 0.8) if self.neg_margin is None else self.neg_margin,
        )

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors and positives, anchors and negatives."""
        from pytorch_metric_learning.miners import PairMarginMiner

        positive, negative = self.margins
        miner: torch.nn.Module = PairMarginMiner(
            pos_margin=positive, neg_margin=negative, distance=built_distance(self.distance, context)
        )
        return miner


@frozen
class PmlTripletMargin(MinerConfig):
    """Triplets by how much farther the negative is than the positive, by any distance.

    With the gap g = d(a, n) − d(a, p), or s(a, p) − s(a, n) for a similarity, it picks

        all        g ≤ margin
        hard       g ≤ margin and g ≤ 0: a margin above 0 changes nothing
        semihard   0 < g ≤ margin
        easy       g > margin

    Prefer `triplet_margin`, which takes margin and distance of its loss, unless you need "easy", a margin below 0
    or another distance than one on the unit sphere.
    """

    name = "pml_triplet_margin"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.TripletMarginMiner"

    margin: float = option(0.2, help='the gap up to which, or for "easy" beyond which, triplets are picked')
    type_of_triplets: Literal["all", "hard", "semihard", "easy"] = option("all", help="which triplets are picked")
    distance: DistanceConfig = option(Lp(), help="what the gap is measured on")

    def __attrs_post_init__(self) -> None:
        if self.type_of_triplets == "semihard" and self.margin <= 0:
            raise ValueError(
                f'margin = {self.margin:g} leaves no triplet to type_of_triplets = "semihard", whose gap is above 0 '
                "and at most the margin; use a margin above 0"
            )
        reach = _reach(self.distance)
        if reach and self.type_of_triplets == "easy" and self.margin >= abs(reach[1] - reach[0]):
            raise ValueError(
                f'margin = {self.margin:g} leaves no triplet to type_of_triplets = "easy": with distance = '
                f'"{self.distance.name}" a negative is at most {abs(reach[1] - reach[0]):g} farther than a positive'
            )

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives."""
        from pytorch_metric_learning.miners import TripletMarginMiner

        miner: torch.nn.Module = TripletMarginMiner(
            margin=self.margin,
            type_of_triplets=self.type_of_triplets,
            distance=built_distance(self.distance, context),
        )
        return miner


@frozen
class UniformHistogram(MinerConfig):
    """Pairs drawn so that all distances come equally often.

    The range of the positive pairs' distances, and that of the negative pairs', is cut into bins of one width, and
    from each bin that is not empty as many pairs are drawn, with repeats. It was made to go with the histogram loss.
    Chance follows from the run's seed. There is no paper.
    """

    name = "uniform_histogram"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.UniformHistogramMiner"

    num_bins: int = option(100, ge=1, help="bins from the least to the greatest distance of the batch")
    pos_per_bin: int = option(10, ge=1, help="positive pairs drawn from each bin")
    neg_per_bin: int = option(10, ge=1, help="negative pairs drawn from each bin")
    distance: DistanceConfig = option(Lp(), help="what the bins are made of")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors and positives, anchors and negatives."""
        from dmlcore_plugins.losses.catalogue.guarded_miners import FiniteUniformHistogramMiner

        return FiniteUniformHistogramMiner(
            num_bins=self.num_bins,
            pos_per_bin=self.pos_per_bin,
            neg_per_bin=self.neg_per_bin,
            distance=built_distance(self.distance, context),
        )


@frozen
class EmbeddingsPackagedAsTriplets(MinerConfig):
    """The triplets that the sampler made: images 1, 2, 3 of a batch are anchor, positive and negative, and so on.

    It mines nothing. It needs a sampler that gives such batches, and a batch size that is a multiple of 3; a batch of
    anything else stops the run. No sampler that comes with dmlcore makes them.
    """

    name = "embeddings_packaged_as_triplets"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "miners.EmbeddingsAlreadyPackagedAsTriplets"

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → indices of anchors, positives and negatives."""
        from dmlcore_plugins.losses.catalogue.guarded_miners import CheckedTriplets

        return CheckedTriplets()


def _reach(distance: DistanceConfig) -> tuple[float, float] | None:
    """Between what two embeddings lie, from nearest to farthest; None of another plugin's distance."""
    match distance:
        case Cosine():
            return 1, -1
        case DotProduct(normalize_embeddings=True, power=power) if distance.p <= 2:
            return 1, 0 if power % 2 == 0 else -1
        case DotProduct():
            return inf, -inf
        case Lp(normalize_embeddings=True):
            return 0, float(2**distance.power)
        case Lp() | SNR():
            return 0, inf
    return None


def _farther(one: float, other: float, reach: tuple[float, float]) -> bool:
    """Whether one distance or similarity is that of embeddings farther apart."""
    nearest, farthest = reach
    return one < other if farthest < nearest else one > other


def _direction(reach: tuple[float, float]) -> str:
    return f"{'smaller' if reach[1] < reach[0] else 'larger'} is farther"


def _on_unit_sphere(distance: DistanceConfig, euclidean: float) -> float | None:
    """A distance between L2-normalised embeddings as another distance has it; None of one with another scale."""
    match distance:
        case Cosine() | DotProduct(normalize_embeddings=True, p=2, power=1):
            return 1 - euclidean**2 / 2
        case Lp(normalize_embeddings=True, p=2):
            return float(euclidean**distance.power)
    return None


def _check_range(sort: str, limits: tuple[float, float] | None, strategy: Strategy, distance: DistanceConfig) -> None:
    """Raises ValueError for limits that nothing can lie within, or that the strategy does not look at."""
    if limits is None:
        return
    option_name, (low, high) = f"allowed_{sort}_range", limits
    written = f"{option_name} = [{low:g}, {high:g}]"
    if strategy == "all":
        raise ValueError(
            f'{written} changes nothing with {sort}_strategy = "all", which picks every pair; leave it out'
        )
    if low > high:
        raise ValueError(f"{written} is empty; write the least first: [{high:g}, {low:g}]")
    reach = _reach(distance)
    if reach and (high < min(reach) or low > max(reach)):
        raise ValueError(
            f'{written} can\'t be reached: with distance = "{distance.name}" all pairs lie between {min(reach):g} and '
            f"{max(reach):g}"
        )


@hookimpl
def dmlcore_register_miners() -> Sequence[type[MinerConfig]]:
    return [
        Angular,
        BatchEasyHard,
        PmlBatchHard,
        DistanceWeighted,
        HDC,
        PmlMultiSimilarity,
        PairMargin,
        PmlTripletMargin,
        UniformHistogram,
        EmbeddingsPackagedAsTriplets,
    ]
