"""Regularizers of pytorch-metric-learning: what is added to a loss for the embeddings, or for weights that it learns.

Weights are the class vectors, proxies or centers of a loss, a row each. Embeddings are L2-normalized unless the study
sets `embedding.normalize = false`; a regularizer of their length alone has no effect then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from attrs import frozen

from dmlcore import DistanceConfig, LossContext, ReducerConfig, RegularizerConfig, StudyError, hookimpl, option
from dmlcore_plugins.losses.catalogue.adapted import Adapted
from dmlcore_plugins.losses.catalogue.distances import SNR, Cosine
from dmlcore_plugins.losses.catalogue.distances import Lp as LpDistance
from dmlcore_plugins.losses.catalogue.reducers import ClassWeighted, Divisor, Mean, Multiple, PerAnchor

Subject = Literal["embeddings", "weights"]
"""What a regularizer is for: the batch's embeddings (B, D), or what a loss learns, a row each."""


@frozen(slots=False)
class RowReduced(Adapted):
    """A regularizer with one term for each row."""

    name: ClassVar[str]
    of: ClassVar[tuple[Subject, ...]] = ("embeddings", "weights")
    """What it is for; a loss refuses it elsewhere."""

    reducer: ReducerConfig = option(Mean(), help="reduces the terms of the rows to one number")

    def problems(self) -> Iterator[str]:
        if isinstance(self.reducer, ClassWeighted | Divisor | Multiple | PerAnchor):
            yield (
                f'reducer = "{self.reducer.name}" does not go with the regularizer "{self.name}", which has one term '
                'for each row and no labels; use "mean", "sum", "avg_non_zero" or "threshold"'
            )


@frozen
class Lp(RowReduced, RegularizerConfig):
    """Keeps embeddings or weights short: the mean of their p-norms, each raised to a power.

        R = mean_i |x_i|_p^power

    For L2-normalized embeddings it is a constant if p = 2.
    """

    name = "lp"

    p: float = option(2.0, ge=1, help="1 is the sum of absolute values, 2 the Euclidean norm, inf the largest")
    power: float = option(1.0, ge=1, help="each norm is raised to it; 2 gives squared norms")


@frozen
class ZeroMean(RowReduced, RegularizerConfig):
    """Keeps the numbers of each embedding around 0, as the distance `snr` assumes (Yuan et al., 2019).

    R = mean_i |Σ_k x_ik|
    """

    name = "zero_mean"
    of = ("embeddings",)


@frozen
class CenterInvariant(RowReduced, RegularizerConfig):
    """Gives all weights, or embeddings, one length (Wu et al., 2017: the center invariant loss).

        R = mean_i (|x_i|_p² − mean_j |x_j|_p²)² / 4

    In the paper these are class centers, so that classes with few images don't get shorter ones. For L2-normalized
    embeddings it is 0 if p = 2.
    """

    name = "center_invariant"

    p: float = option(2.0, ge=1, help="which norm: 1 is the sum of absolute values, 2 the Euclidean, inf the largest")

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The norm as a distance."""
        arguments = super().arguments(context)
        distance = LpDistance(p=arguments.pop("p"), normalize_embeddings=False)
        return {**arguments, "distance": distance.build(context)}


@frozen
class RegularFace(RowReduced, RegularizerConfig):
    """Spreads class vectors: each one's similarity to the nearest other (Zhao et al., 2019: RegularFace).

        R = mean_i max_{j ≠ i} s(w_i, w_j)

    Embeddings of one class should be near, so it is for weights alone.
    """

    name = "regular_face"
    of = ("weights",)

    distance: DistanceConfig = option(Cosine(), help='the similarity s: "cosine" or "dot_product"')

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if isinstance(self.distance, LpDistance | SNR):
            yield (
                f'"regular_face" needs a similarity, larger for nearer vectors, and "{self.distance.name}" is a '
                'distance; use distance "cosine" or "dot_product"'
            )

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """Raises StudyError if another plugin's distance is not a similarity."""
        arguments = super().arguments(context)
        if not arguments["distance"].is_inverted:
            raise StudyError(
                f'The regularizer "regular_face" needs a similarity, larger for nearer vectors, and '
                f'"{self.distance.name}" is a distance. Use distance "cosine" or "dot_product".'
            )
        return arguments


@frozen
class SparseCenters(RowReduced, RegularizerConfig):
    """Merges centers of one class that are not needed (Qian et al., 2019: SoftTriple).

        R = Σ_c Σ_{s < t} √(2 − 2 w_cs·w_ct) / (C K (K − 1))

    of the L2-normalized centers w_c1 … w_cK of each of C classes: for the weights of a loss with several per class.
    """

    name = "sparse_centers"
    of = ("weights",)

    centers_per_class: int = option(ge=2, help="K, as in the loss that learns them")
    reducer: ReducerConfig = option(
        Divisor(), help='reduces the pairs to one number; "divisor" is the formula, "mean" is twice of it'
    )

    def problems(self) -> Iterator[str]:
        if not isinstance(self.reducer, Divisor):
            yield from super().problems()

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The options and the number of classes."""
        return {**super().arguments(context), "num_classes": context.num_classes}


@hookimpl
def dmlcore_register_regularizers() -> Sequence[type[RegularizerConfig]]:
    return [Lp, ZeroMean, CenterInvariant, RegularFace, SparseCenters]
