"""Losses on triplets: how much farther a negative is than a positive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from attrs import frozen

from dmlcore import LossContext, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    LP,
    Averaged,
    AveragedAboveZero,
    ByCosine,
    ByEuclidean,
    DegreeMargin,
    Divided,
    LibraryLoss,
    Mined,
    Remembered,
)

PerAnchor = int | Literal["all"]


@frozen(slots=False)
class DrawsTriplets(Remembered, LibraryLoss):
    """A loss that can draw some of the triplets."""

    triplets_per_anchor: PerAnchor = option("all", ge=1, help="number of random triplets for each anchor; all: no draw")

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        for chooser in ("miner", "memory"):
            if self.triplets_per_anchor != "all" and getattr(self, chooser) is not None:
                yield (
                    f"triplets_per_anchor = {self.triplets_per_anchor} has no effect with {chooser}, which gives the "
                    f'loss its triplets; remove one of them, or set triplets_per_anchor = "all"'
                )


@frozen
class TripletMargin(DrawsTriplets, AveragedAboveZero, ByEuclidean):
    """Triplet loss with every option of the library (Schroff et al., 2015).

    Take `triplet` for one of three distances on the unit sphere and a margin that is checked against it; take this one
    for another distance, reducer, regularizer or a memory, to swap anchor and positive, or for a smooth loss.
    """

    name = "triplet_margin"
    terms = "triplet"
    margin_kind = "difference"

    margin: float = option(0.05, ge=0, unit="of the distance", help="how much farther negatives must be than positives")
    swap: bool = option(False, help="take the negative's distance from the positive where it is nearer to that")
    smooth_loss: bool = option(False, help="log(1 + exp(x)) instead of max(x, 0)")

    @property
    def formula(self) -> str:
        term = r"s_{an} - s_{ap} + m" if self.larger_is_nearer else r"d_{ap} - d_{an} + m"
        if self.smooth_loss:
            return rf"L = \mathrm{{mean}}_{{(a,p,n) \in T}} \log(1 + e^{{{term}}})"
        return rf"L = \mathrm{{mean}}_{{(a,p,n) \in T}} \max({term}, 0)"

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.margin == 0 and not self.smooth_loss:
            yield (
                "margin = 0 makes the loss 0 if all embeddings are equal; set a margin above 0, such as 0.05, or "
                "smooth_loss = true"
            )
        if self.swap and self.memory is not None:
            yield (
                "swap = true compares positive and negative, but with memory both are past embeddings, which the "
                "library does not compare; remove one of them"
            )


@frozen
class Margin(DrawsTriplets, Divided, ByEuclidean):
    """Margin loss (Wu et al., 2017, equation 5): positives nearer, and negatives farther, than a learned boundary β.

    The paper has it with the distance-weighted miner. The default β is for Euclidean distances: with a cosine, set
    beta below 1.
    """

    name = "margin"
    terms = "triplet"
    parts = ("margin_loss", "beta_reg_loss")
    gives_divisor = True
    measured_formula = (
        r"L = \frac{1}{|P_{>0}| + |N_{>0}|} \sum_{(a,p,n) \in T}"
        r" \max([μ_{ap} | \beta] + m, 0) + \max([\beta | μ_{an}] + m, 0)"
    )

    margin: float = option(0.2, ge=0, unit="of the distance", help="how far on its side of β a pair must be")
    nu: float = option(0.0, ge=0, help="ν: weight of the learned β in the loss; 0 unless learn_beta")
    beta: float = option(1.2, unit="of the distance", help="β, or its initial value if it is learned")
    learn_beta: bool = option(False, help="train β")
    beta_per_class: bool = option(False, help="learn a β for each class, not one for all")

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.compares_by == "cosine" and self.beta >= 1 + self.margin:
            yield (
                f"beta = {self.beta:g} and margin = {self.margin:g} push no negative away, because no cosine is above "
                f"{self.beta - self.margin:g}, so the loss is 0 if all embeddings are equal; set beta = 0.5"
            )
        if self.larger_is_nearer is False and self.beta + self.margin <= 0:
            yield (
                f"beta = {self.beta:g} and margin = {self.margin:g} push no negative away, so the loss is 0 if all "
                "embeddings are equal; set beta = 1.2"
            )
        if self.nu and not self.learn_beta:
            yield f"nu = {self.nu:g} weighs the learned β, but none is learned; set learn_beta = true or remove nu"
        if self.beta_per_class and not self.learn_beta:
            yield "beta_per_class = true has no effect unless β is learned; set learn_beta = true or remove it"

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The number of classes in place of beta_per_class."""
        arguments = super().arguments(context)
        if arguments.pop("beta_per_class"):
            arguments["num_classes"] = context.num_classes
        return arguments


@frozen
class Angular(Remembered, Averaged, ByEuclidean, LibraryLoss):
    """Angular loss (Wang et al., 2017, equation 8): bound the angle at the negative of a triangle.

    Named `pml_angular` because the example package dmlcore-angular offers `angular`. The library normalizes anchors
    and positives, but not negatives: leave embedding.normalize at true.
    """

    name = "pml_angular"
    distances = LP
    distance_needs: ClassVar[dict[str, object]] = {"p": 2, "power": 1, "normalize_embeddings": True}
    terms = "pair"
    formula = (
        r"L = \mathrm{mean}_{(a,p) \in P} \log \left( 1 + \sum_{n \in N_a}"
        r" e^{4 \tan^2 \alpha\, (a + p)^T n - 2 (1 + \tan^2 \alpha)\, a^T p} \right)"
    )

    alpha: float = option(40.0, gt=0, lt=90, unit="degrees", help="upper bound on the angle at the negative")


@frozen
class TupletMargin(Remembered, Averaged, ByCosine, DegreeMargin):
    """Tuplet margin loss (Yu and Tao, 2019, equation 4): each positive pair against all negatives, by angles.

    The margin is in degrees: the default is the paper's 0.1 radians.
    """

    name = "tuplet_margin"
    distances = COSINE
    terms = "pair"
    radians_below = 1.0
    formula = (
        r"L = \mathrm{mean}_{(a,p) \in P} \log \left( 1 + \sum_{n \in N_a}"
        r" e^{s (\cos \theta_{an} - \cos(\theta_{ap} - \beta))} \right)"
    )

    margin: float = option(5.73, ge=0, lt=90, unit="degrees", help="β: taken from the angle between positives")
    scale: float = option(64.0, gt=0, help="s: the larger, the more the nearest negatives count")


@frozen
class DynamicSoftMargin(Mined, ByEuclidean, LibraryLoss):
    """Dynamic soft margin loss (Zhang and Rusinkiewicz, 2019): each triplet counts by its rank among past ones.

    A triplet's difference d(a, p) − d(a, n) is weighed by the share of past differences below it, from a moving
    histogram, which is saved with the run. The paper matches image patches; here all triplets of a batch count.
    """

    name = "dynamic_soft_margin"
    distances = LP
    distance_needs: ClassVar[dict[str, object]] = {"p": 2, "normalize_embeddings": True}
    terms = "one number"
    formula = r"L = \mathrm{mean}_{(a,p,n) \in T} F(\Delta) \Delta,\quad \Delta = d_{ap} - d_{an}"

    min_val: float = option(-2.0, le=-2, unit="of the distance", help="start of the histogram; it ends at −min_val")
    num_bins: int = option(10, ge=2, help="number of bins of the histogram")
    momentum: float = option(0.01, gt=0, le=1, help="share of a batch in the histogram")

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        farthest = 2 ** getattr(self.distance, "power", 1)
        if -self.min_val < farthest:
            yield (
                f"min_val = {self.min_val:g} is above the smallest difference of this distance; set min_val = "
                f"{-farthest:g}"
            )
