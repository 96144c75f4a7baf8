"""Losses on triplets: how much farther a negative is than a positive."""

from __future__ import annotations

from collections.abc import Iterator
from math import degrees
from typing import Any, ClassVar, Literal

from attrs import frozen

from dmlcore import (
    DistanceConfig,
    LossContext,
    MarginAxis,
    MarginKind,
    MinerConfig,
    ReducerConfig,
    RegularizerConfig,
    option,
)
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    LP,
    LibraryLoss,
    Memory,
    distance_option,
    embedding_regularizer_option,
    memory_option,
    miner_option,
    reducer_option,
    regularizer_weight_option,
)

PerAnchor = int | Literal["all"]


def drawn_triplets_option() -> Any:
    """The option `triplets_per_anchor` of a loss."""
    return option("all", ge=1, help="how many triplets are drawn for each anchor; all: none is drawn, all count")


def drawing_problems(loss: TripletMargin | Margin) -> Iterator[str]:
    """Says where something else already chose the triplets that the loss would draw."""
    if loss.triplets_per_anchor == "all":
        return
    for chooser in ("miner", "memory"):
        if getattr(loss, chooser) is not None:
            yield (
                f"triplets_per_anchor = {loss.triplets_per_anchor} draws nothing with {chooser}, which gives the loss "
                f'its triplets; leave one of them out, or set triplets_per_anchor = "all"'
            )


@frozen
class TripletMargin(LibraryLoss):
    """Triplet loss as the library has it (Schroff et al., 2015): every option of pytorch-metric-learning.

    Prefer `triplet`, which records how many triplets are active. This one takes any distance, reducer, regularizer
    and a memory, can swap anchor and positive, and can be smooth.
    """

    name = "triplet_margin"
    adapts: ClassVar[str] = "losses.TripletMarginLoss"
    terms = "triplet"

    margin: float = option(
        0.05, ge=0, unit="of the distance", help="how much farther than a positive a negative must be; 0 if smooth only"
    )
    swap: bool = option(False, help="take the negative's distance from the positive where it is nearer to that")
    smooth_loss: bool = option(False, help="log(1 + exp(x)) instead of max(x, 0)")
    triplets_per_anchor: PerAnchor = drawn_triplets_option()
    distance: DistanceConfig | None = distance_option('"lp" (Euclidean)')
    reducer: ReducerConfig | None = reducer_option("avg_non_zero")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        term = r"s_{an} - s_{ap} + m" if self.larger_is_nearer else r"d_{ap} - d_{an} + m"
        if self.smooth_loss:
            return rf"L = \mathrm{{mean}}_{{(a,p,n) \in T}} \log(1 + e^{{{term}}})"
        return rf"L = \mathrm{{mean}}_{{(a,p,n) \in T}} \max({term}, 0)"

    @property
    def margin_axis(self) -> MarginAxis | None:
        return self.compares_by

    @property
    def margin_kind(self) -> MarginKind:
        return "difference"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        if self.margin == 0 and not self.smooth_loss:
            yield (
                "margin = 0 makes the loss 0 for embeddings that became one point; set a margin above 0, such as 0.05, "
                "or smooth_loss = true"
            )
        if self.swap and self.memory is not None:
            yield (
                "swap = true compares positive and negative, and with memory both are past embeddings, which the "
                "library does not compare; leave one of them out"
            )
        yield from drawing_problems(self)


@frozen
class Margin(LibraryLoss):
    """Margin loss (Wu et al., 2017, equation 5): positives nearer, and negatives farther, than a learnt boundary β.

    The paper has it with the distance-weighted miner. The default β is for Euclidean distances: with a cosine, set
    beta below 1.
    """

    name = "margin"
    adapts: ClassVar[str] = "losses.MarginLoss"
    terms = "triplet"
    parts = ("margin_loss", "beta_reg_loss")
    gives_divisor = True

    margin: float = option(0.2, ge=0, unit="of the distance", help="how far on its side of β a pair must lie")
    nu: float = option(0.0, ge=0, help="ν: weight of the learnt β in the loss; 0 unless learn_beta")
    beta: float = option(1.2, unit="of the distance", help="β, or what it starts from where it is learnt")
    triplets_per_anchor: PerAnchor = drawn_triplets_option()
    learn_beta: bool = option(False, help="train β")
    beta_per_class: bool = option(False, help="learn a β for each class, not one for all")
    distance: DistanceConfig | None = distance_option('"lp" (Euclidean)')
    reducer: ReducerConfig | None = reducer_option("divisor")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        if self.larger_is_nearer:
            terms = r"\max(\beta - s_{ap} + m, 0) + \max(s_{an} - \beta + m, 0)"
        else:
            terms = r"\max(d_{ap} - \beta + m, 0) + \max(\beta - d_{an} + m, 0)"
        return rf"L = \frac{{1}}{{|P_{{>0}}| + |N_{{>0}}|}} \sum_{{(a,p,n) \in T}} {terms}"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        if self.compares_by == "cosine" and self.beta >= 1 + self.margin:
            yield (
                f"beta = {self.beta:g} and margin = {self.margin:g} push no negative away, for no cosine is above "
                f"{self.beta - self.margin:g}, so that the loss is 0 for embeddings that became one point; set "
                "beta = 0.5"
            )
        if self.larger_is_nearer is False and self.beta + self.margin <= 0:
            yield (
                f"beta = {self.beta:g} and margin = {self.margin:g} push no negative away, so that the loss is 0 for "
                "embeddings that became one point; set beta = 1.2"
            )
        if self.nu and not self.learn_beta:
            yield f"nu = {self.nu:g} weighs the learnt β, and none is learnt; set learn_beta = true or leave nu out"
        if self.beta_per_class and not self.learn_beta:
            yield "beta_per_class = true changes nothing while β is not learnt; set learn_beta = true or leave it out"
        yield from drawing_problems(self)

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """What the library's class is called with."""
        arguments = LibraryLoss.arguments(self, context)
        if arguments.pop("beta_per_class"):
            arguments["num_classes"] = context.num_classes
        return arguments


@frozen
class Angular(LibraryLoss):
    """Angular loss (Wang et al., 2017, equation 8): bound the angle at the negative of a triangle.

    Named `pml_angular`, as `angular` is what the example package dmlcore-angular offers. Negatives are not normalised
    by the library, as anchors and positives are: leave embedding.normalize at true.
    """

    name = "pml_angular"
    adapts: ClassVar[str] = "losses.AngularLoss"
    distances = LP
    distance_needs: ClassVar[dict[str, object]] = {"p": 2, "power": 1, "normalize_embeddings": True}
    terms = "pair"

    alpha: float = option(40.0, gt=0, lt=90, unit="degrees", help="upper bound on the angle at the negative")
    distance: DistanceConfig | None = distance_option('"lp" (Euclidean), the only one')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \mathrm{mean}_{(a,p) \in P} \log \left( 1 + \sum_{n \in N_a}"
            r" e^{4 \tan^2 \alpha\, (a + p)^T n - 2 (1 + \tan^2 \alpha)\, a^T p} \right)"
        )


@frozen
class TupletMargin(LibraryLoss):
    """Tuplet margin loss (Yu and Tao, 2019, equation 4): each positive pair against all negatives, by angles.

    The margin is in degrees: the default is the paper's 0.1 radians.
    """

    name = "tuplet_margin"
    adapts: ClassVar[str] = "losses.TupletMarginLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "pair"

    margin: float = option(
        5.73, ge=0, lt=90, unit="degrees", help="β: taken from the angle between positives, so that they look nearer"
    )
    scale: float = option(64.0, gt=0, help="s: the larger, the more the nearest negatives count")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \mathrm{mean}_{(a,p) \in P} \log \left( 1 + \sum_{n \in N_a}"
            r" e^{s (\cos \theta_{an} - \cos(\theta_{ap} - \beta))} \right)"
        )

    @property
    def margin_axis(self) -> MarginAxis:
        return "degrees"

    @property
    def margin_kind(self) -> MarginKind:
        return "difference"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        if 0 < self.margin < 1:
            yield (
                f"margin = {self.margin:g} is less than a degree; if these are radians, as in the paper, set "
                f"margin = {degrees(self.margin):.3g}"
            )


@frozen
class DynamicSoftMargin(LibraryLoss):
    """Dynamic soft margin loss (Zhang and Rusinkiewicz, 2019): no margin, but each triplet by its rank among past ones.

    A triplet's difference d(a, p) − d(a, n) is weighed by the share of past differences below it, from a histogram
    that moves along. The histogram is saved with the run. The paper binds patches of pictures; here all triplets of a
    batch count.
    """

    name = "dynamic_soft_margin"
    adapts: ClassVar[str] = "losses.DynamicSoftMarginLoss"
    distances = LP
    distance_needs: ClassVar[dict[str, object]] = {"p": 2, "normalize_embeddings": True}
    terms = "one number"

    min_val: float = option(-2.0, le=-2, unit="of the distance", help="where the histogram begins; it ends at −min_val")
    num_bins: int = option(10, ge=2, help="bins of the histogram")
    momentum: float = option(0.01, gt=0, le=1, help="share of a batch in the histogram")
    distance: DistanceConfig | None = distance_option('"lp" (Euclidean)')
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()

    @property
    def formula(self) -> str:
        return r"L = \mathrm{mean}_{(a,p,n) \in T} F(\Delta) \Delta,\quad \Delta = d_{ap} - d_{an}"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        farthest = 2 ** getattr(self.distance, "power", 1)
        if -self.min_val < farthest:
            yield (
                f"min_val = {self.min_val:g} does not reach the smallest difference of this distance; set min_val = "
                f"{-farthest:g}"
            )
