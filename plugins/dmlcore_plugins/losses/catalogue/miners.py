"""Miners of pytorch-metric-learning, with every option of the library.

`triplet_margin`, which takes margin and distance of its loss, is in `losses/miners.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from attrs import frozen

from dmlcore import DistanceConfig, LossContext, MinerConfig, hookimpl, option
from dmlcore_plugins.losses.catalogue.adapted import Adapted
from dmlcore_plugins.losses.catalogue.distances import SNR, Cosine, DotProduct, Lp

Strategy = Literal["easy", "semihard", "hard", "all"]
Range = tuple[float, float]


@frozen
class Angular(Adapted, MinerConfig):
    """Triplets with too wide an angle at the negative (Wang et al., 2017, as in the angular loss).

        arctan(d(a, p) / (2 d(n, c))) > angle,  c = (a + p) / 2

    of Euclidean distances between L2-normalized embeddings; the distance is not an option.
    """

    name = "angular"

    angle: float = option(20.0, gt=0, lt=90, unit="degrees", help="triplets with a wider one are selected")


@frozen(slots=False)
class Ranged(Adapted):
    """A miner that can be limited to a range of distances."""

    if TYPE_CHECKING:
        distance: DistanceConfig
    allowed_pos_range: Range | None = option(None, help="limits of a positive's distance or similarity; default: any")
    allowed_neg_range: Range | None = option(None, help="limits of a negative's distance or similarity; default: any")

    def problems(self) -> Iterator[str]:
        """Limits that no pair is within, or that a strategy ignores."""
        reach = _reach(self.distance)
        for kind, limits in (("pos", self.allowed_pos_range), ("neg", self.allowed_neg_range)):
            if limits is None:
                continue
            low, high = limits
            written = f"allowed_{kind}_range = [{low:g}, {high:g}]"
            if getattr(self, f"{kind}_strategy", "hard") == "all":
                yield f'{written} has no effect with {kind}_strategy = "all", which selects every pair; remove it'
            if low > high:
                yield f"{written} is empty; write the least first: [{high:g}, {low:g}]"
            if reach and (high < min(reach) or low > max(reach)):
                yield (
                    f'{written} can\'t be reached: with distance = "{self.distance.name}" all pairs are between '
                    f"{min(reach):g} and {max(reach):g}"
                )


@frozen
class BatchEasyHard(Ranged, MinerConfig):
    """One positive and one negative per anchor, as easy or as hard as the options say (Xuan et al., 2020).

        easy       the nearest positive; the farthest negative
        hard       the farthest positive; the nearest negative
        semihard   the farthest positive that is nearer than the negative; the nearest negative that is farther than
                   the positive
        all        every pair

    "semihard" compares with one pair of the other kind, which must be "easy" or "hard". Anchors without a pair of
    either kind are skipped, unless the other is "all".
    """

    name = "batch_easy_hard"

    pos_strategy: Strategy = option("easy", help="which positive of each anchor is selected")
    neg_strategy: Strategy = option("semihard", help="which negative of each anchor is selected")
    distance: DistanceConfig = option(Lp(), help="how near and far are measured")

    def problems(self) -> Iterator[str]:
        strategies = (self.pos_strategy, self.neg_strategy)
        if "semihard" in strategies and not {"easy", "hard"} & set(strategies):
            yield (
                f'pos_strategy = "{self.pos_strategy}" does not go with neg_strategy = "{self.neg_strategy}": '
                '"semihard" compares with one pair of the other kind, so that must be "easy" or "hard"'
            )
        yield from super().problems()


@frozen
class BatchHard(Ranged, MinerConfig):
    """Each anchor's farthest positive and nearest negative in the batch (Hermans et al., 2017).

    One triplet per anchor that has both. All distances on the unit sphere rank pairs equally, so a distance only
    matters without normalization, or for the limits.
    """

    name = "batch_hard"
    former_names = {"pml_batch_hard": {"distance": {"use": "lp"}}}  # noqa: RUF012  # a class variable of Component

    distance: DistanceConfig = option(Cosine(), help="how near and far are measured", omit_if_default=True)


@frozen
class DistanceWeighted(Adapted, MinerConfig):
    """Negatives drawn so that near and far ones are equally frequent (Wu et al., 2017: sampling matters, section 4).

    Each anchor gets as many triplets as its class has images in the batch: a random positive, and a negative with a
    probability proportional to 1 / q(d), where q is the density of the distance d between points of a sphere

        q(d) ∝ d^(D − 2) (1 − d²/4)^((D − 3) / 2)

    of Euclidean distances between L2-normalized embeddings, d at least the cutoff; the distance is not an option.
    Probabilities are in float32, relative to the batch's greatest: in high dimension, an anchor is skipped if all its
    negatives are much farther than the batch's nearest. The run's seed determines the draws.
    """

    name = "distance_weighted"

    cutoff: float = option(0.5, gt=0, lt=2, unit="distance", help="nearer negatives get this distance's probability")
    nonzero_loss_cutoff: float = option(1.4, gt=0, le=2, unit="distance", help="farther negatives are not drawn")

    def problems(self) -> Iterator[str]:
        if self.cutoff >= self.nonzero_loss_cutoff:
            yield (
                f"cutoff = {self.cutoff:g} is the smallest distance that counts, and nothing is drawn from "
                f"nonzero_loss_cutoff = {self.nonzero_loss_cutoff:g} on, so there would be no triplet; cutoff must be "
                "less"
            )


@frozen
class HDC(Adapted, MinerConfig):
    """The hardest share of all positive pairs and of all negative pairs of the batch (Yuan et al., 2017).

    This is one level of the paper's cascade of networks, in which each level mines what the one before selected.
    """

    name = "hdc"

    filter_percentage: float = option(0.5, gt=0, le=1, help="selected share: farthest positives, nearest negatives")
    distance: DistanceConfig = option(Lp(), help="how near and far are measured")


@frozen
class MultiSimilarity(Adapted, MinerConfig):
    """Pairs that are hard relative to an anchor's other pairs (Wang et al., 2019, equations 8 and 9).

    A negative that is nearer than the anchor's farthest positive plus ε, a positive that is farther than its nearest
    negative less ε.
    """

    name = "multi_similarity"
    former_names = {"pml_multi_similarity": {}}  # noqa: RUF012  # a class variable of Component

    epsilon: float = option(0.1, ge=0, unit="of the distance", help="ε: the larger, the more pairs are selected")
    distance: DistanceConfig = option(Cosine(), help="how near and far are measured", omit_if_default=True)

    def problems(self) -> Iterator[str]:
        reach = _reach(self.distance)
        if reach and self.epsilon > abs(reach[1] - reach[0]):
            yield (
                f'epsilon = {self.epsilon:g} selects every pair: with distance = "{self.distance.name}" it must be at '
                f"most {abs(reach[1] - reach[0]):g}"
            )


@frozen
class PairMargin(Adapted, MinerConfig):
    """Positive pairs that are too far apart and negative pairs that are too near.

        distance      positives selected   negatives selected
        lp, snr       d > pos_margin       d < neg_margin
        similarity    s < pos_margin       s > neg_margin

    The default margins are the library's on the Euclidean distance d of the unit sphere, 0.2 and 0.8, and the same
    places on its other measures: d² 0.04 and 0.64, cosine 0.98 and 0.68. (The library takes 0.2 and 0.8 for cosines
    too, and selects almost nothing.) Other distances have no fixed scale, so both must be set.
    """

    name = "pair_margin"

    pos_margin: float | None = option(None, help="farther positives are selected; default: 0.2 on the unit sphere")
    neg_margin: float | None = option(None, help="nearer negatives are selected; default: 0.8 on the unit sphere")
    distance: DistanceConfig = option(Lp(), help="what both margins are measured on")

    def problems(self) -> Iterator[str]:
        positive, negative = self.margins
        reach = _reach(self.distance)
        if positive is None or negative is None:
            yield (
                f'pos_margin and neg_margin must both be set with distance = "{self.distance.name}" and these options: '
                "it has no fixed scale for defaults"
            )
            return
        if reach is None:
            return
        nearest, farthest = reach
        sign, farther = (1, "larger") if farthest > nearest else (-1, "smaller")
        if sign * positive > sign * negative:
            yield (
                f"pos_margin = {positive:g} selects only positives that are farther apart than the negatives of "
                f'neg_margin = {negative:g} (with distance = "{self.distance.name}" {farther} is farther), so pairs '
                "between them are never selected; exchange them, or make them equal"
            )
        if sign * positive >= sign * farthest:
            yield (
                f'pos_margin = {positive:g} selects no positive: with distance = "{self.distance.name}" none is '
                f"farther apart than {farthest:g}"
            )
        if sign * negative <= sign * nearest:
            yield (
                f'neg_margin = {negative:g} selects no negative: with distance = "{self.distance.name}" none is nearer '
                f"than {nearest:g}"
            )

    @property
    def margins(self) -> tuple[float | None, float | None]:
        """Of positives and of negatives; None if it has no default and is not set."""
        return (
            _on_unit_sphere(self.distance, 0.2) if self.pos_margin is None else self.pos_margin,
            _on_unit_sphere(self.distance, 0.8) if self.neg_margin is None else self.neg_margin,
        )

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The margins that fit the distance."""
        positive, negative = self.margins
        return {**super().arguments(context), "pos_margin": positive, "neg_margin": negative}


@frozen
class PmlTripletMargin(Adapted, MinerConfig):
    """Triplets by how much farther the negative is than the positive, by any distance.

    With the gap g = d(a, n) − d(a, p), or s(a, p) − s(a, n) for a similarity, it selects

        all        g ≤ margin
        hard       g ≤ margin and g ≤ 0: a margin above 0 has no effect
        semihard   0 < g ≤ margin
        easy       g > margin

    Take `triplet_margin` for the margin and distance of the loss; take this one for "easy", a margin below 0 or a
    distance outside the unit sphere.
    """

    name = "pml_triplet_margin"
    adapts = "miners.TripletMarginMiner"

    margin: float = option(0.2, help='the gap up to which, or for "easy" beyond which, triplets are selected')
    type_of_triplets: Literal["all", "hard", "semihard", "easy"] = option("all", help="which triplets are selected")
    distance: DistanceConfig = option(Lp(), help="what the gap is measured on")

    def problems(self) -> Iterator[str]:
        if self.type_of_triplets == "semihard" and self.margin <= 0:
            yield (
                f'margin = {self.margin:g} leaves no triplet for type_of_triplets = "semihard", with a gap above 0 '
                "and at most the margin; use a margin above 0"
            )
        reach = _reach(self.distance)
        if reach and self.type_of_triplets == "easy" and self.margin >= abs(reach[1] - reach[0]):
            yield (
                f'margin = {self.margin:g} leaves no triplet for type_of_triplets = "easy": with distance = '
                f'"{self.distance.name}" a negative is at most {abs(reach[1] - reach[0]):g} farther than a positive'
            )


@frozen
class UniformHistogram(Adapted, MinerConfig):
    """Pairs drawn so that all distances are equally frequent.

    The range of the positive pairs' distances, and that of the negative pairs', is divided into bins of equal width,
    and the same number of pairs is drawn from each bin that is not empty, with repeats. It was developed for the
    histogram loss; there is no paper. The run's seed determines the draws.
    """

    name = "uniform_histogram"

    num_bins: int = option(100, ge=1, help="number of bins from the least to the greatest distance of the batch")
    pos_per_bin: int = option(10, ge=1, help="positive pairs drawn from each bin")
    neg_per_bin: int = option(10, ge=1, help="negative pairs drawn from each bin")
    distance: DistanceConfig = option(Lp(), help="what is binned")


@frozen
class EmbeddingsPackagedAsTriplets(Adapted, MinerConfig):
    """The triplets of the sampler: images 1, 2, 3 of a batch are anchor, positive and negative, and so on.

    It mines nothing. It needs a sampler that gives such batches, and a batch size that is a multiple of 3; any other
    batch stops the run. None of dmlcore's samplers gives them.
    """

    name = "embeddings_packaged_as_triplets"
    adapts = "miners.EmbeddingsAlreadyPackagedAsTriplets"


def _reach(distance: DistanceConfig) -> tuple[float, float] | None:
    """The measures of the nearest and the farthest two embeddings; None for another plugin's distance."""
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


def _on_unit_sphere(distance: DistanceConfig, euclidean: float) -> float | None:
    """A distance between L2-normalized embeddings on the scale of another distance; None if it has another one."""
    match distance:
        case Cosine() | DotProduct(normalize_embeddings=True, p=2, power=1):
            return 1 - euclidean**2 / 2
        case Lp(normalize_embeddings=True, p=2):
            return float(euclidean**distance.power)
    return None


@hookimpl
def dmlcore_register_miners() -> Sequence[type[MinerConfig]]:
    return [
        Angular,
        BatchEasyHard,
        BatchHard,
        DistanceWeighted,
        HDC,
        MultiSimilarity,
        PairMargin,
        PmlTripletMargin,
        UniformHistogram,
        EmbeddingsPackagedAsTriplets,
    ]
