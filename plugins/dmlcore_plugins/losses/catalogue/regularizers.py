"""Regularizers of pytorch-metric-learning: what is added to a loss for the embeddings, or for weights that it learns.

Weights are the class vectors, proxies or centres of a loss, a row each. Embeddings are L2-normalised unless the study
sets `embedding.normalize = false`: a regularizer that looks at their length alone changes nothing before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from attrs import frozen

from dmlcore import (
    DistanceConfig,
    LossContext,
    ReducerConfig,
    RegularizerConfig,
    StudyError,
    hookimpl,
    option,
)
from dmlcore_plugins.losses.catalogue.distances import SNR, Cosine, built_distance
from dmlcore_plugins.losses.catalogue.distances import Lp as LpDistance
from dmlcore_plugins.losses.catalogue.reducers import (
    ClassWeighted,
    Divisor,
    Mean,
    Multiple,
    PerAnchor,
    built_reducer,
)

if TYPE_CHECKING:
    import torch

Subject = Literal["embeddings", "weights"]
"""What a regularizer is added for: the batch's embeddings (B, D), or what a loss learns, a row each."""


@frozen
class Lp(RegularizerConfig):
    """Keeps embeddings or weights short: the mean of their p-norms, each raised to a power.

        R = mean_i |x_i|_p^power

    Of L2-normalised embeddings it is a constant for p = 2.
    """

    name = "lp"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "regularizers.LpRegularizer"
    of: ClassVar[tuple[Subject, ...]] = ("embeddings", "weights")
    """What it is for; a loss refuses it elsewhere."""

    p: float = option(2.0, ge=1, help="1 is the sum of absolute values, 2 the Euclidean norm, inf the largest")
    power: float = option(1.0, ge=1, help="each norm is raised to it; 2 gives squared norms")
    reducer: ReducerConfig = option(Mean(), help="makes one number of the rows'")

    def __attrs_post_init__(self) -> None:
        _check_reducer(self.name, self.reducer)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), or weights, a row each → ()."""
        from pytorch_metric_learning.regularizers import LpRegularizer

        regularizer: torch.nn.Module = LpRegularizer(
            p=self.p, power=self.power, reducer=built_reducer(self.reducer, context)
        )
        return regularizer


@frozen
class ZeroMean(RegularizerConfig):
    """Keeps the numbers of each embedding around 0, as the distance `snr` supposes (Yuan et al., 2019).

    R = mean_i |Σ_k x_ik|
    """

    name = "zero_mean"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "regularizers.ZeroMeanRegularizer"
    of: ClassVar[tuple[Subject, ...]] = ("embeddings",)

    reducer: ReducerConfig = option(Mean(), help="makes one number of the embeddings'")

    def __attrs_post_init__(self) -> None:
        _check_reducer(self.name, self.reducer)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D) → ()."""
        from pytorch_metric_learning.regularizers import ZeroMeanRegularizer

        regularizer: torch.nn.Module = ZeroMeanRegularizer(reducer=built_reducer(self.reducer, context))
        return regularizer


@frozen
class CenterInvariant(RegularizerConfig):
    """Gives all weights, or embeddings, one length (Wu et al., 2017: the center invariant loss).

        R = mean_i (|x_i|_p² − mean_j |x_j|_p²)² / 4

    In the paper these are class centres, so that classes with few images don't get shorter ones. Of L2-normalised
    embeddings it is 0 for p = 2.
    """

    name = "center_invariant"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "regularizers.CenterInvariantRegularizer"
    of: ClassVar[tuple[Subject, ...]] = ("embeddings", "weights")

    p: float = option(2.0, ge=1, help="which norm: 1 is the sum of absolute values, 2 the Euclidean, inf the largest")
    reducer: ReducerConfig = option(Mean(), help="makes one number of the rows'")

    def __attrs_post_init__(self) -> None:
        _check_reducer(self.name, self.reducer)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), or weights, a row each → ()."""
        from pytorch_metric_learning.regularizers import CenterInvariantRegularizer

        regularizer: torch.nn.Module = CenterInvariantRegularizer(
            distance=built_distance(LpDistance(p=self.p, normalize_embeddings=False), context),
            reducer=built_reducer(self.reducer, context),
        )
        return regularizer


@frozen
class RegularFace(RegularizerConfig):
    """Spreads class vectors: each one's similarity to the nearest other (Zhao et al., 2019: RegularFace).

        R = mean_i max_{j ≠ i} s(w_i, w_j)

    Embeddings of one class are meant to be near, so it is for weights alone.
    """

    name = "regular_face"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "regularizers.RegularFaceRegularizer"
    of: ClassVar[tuple[Subject, ...]] = ("weights",)

    distance: DistanceConfig = option(Cosine(), help='the similarity s: "cosine" or "dot_product"')
    reducer: ReducerConfig = option(Mean(), help="makes one number of the class vectors'")

    def __attrs_post_init__(self) -> None:
        _check_reducer(self.name, self.reducer)
        if isinstance(self.distance, LpDistance | SNR):
            raise ValueError(
                f'"regular_face" needs a similarity, larger for nearer vectors, and "{self.distance.name}" is a '
                'distance; use distance "cosine" or "dot_product"'
            )

    def build(self, context: LossContext) -> torch.nn.Module:
        """weights (C, D) → (). Raises StudyError where another plugin's distance is no similarity."""
        from pytorch_metric_learning.regularizers import RegularFaceRegularizer

        distance = built_distance(self.distance, context)
        if not distance.is_inverted:
            raise StudyError(
                f'The regularizer "regular_face" needs a similarity, larger for nearer vectors, and '
                f'"{self.distance.name}" is a distance. Use distance "cosine" or "dot_product".'
            )
        regularizer: torch.nn.Module = RegularFaceRegularizer(
            distance=distance, reducer=built_reducer(self.reducer, context)
        )
        return regularizer


@frozen
class SparseCenters(RegularizerConfig):
    """Merges centres of one class that are not needed (Qian et al., 2019: SoftTriple).

        R = Σ_c Σ_{s < t} √(2 − 2 w_cs·w_ct) / (C K (K − 1))

    of the L2-normalised centres w_c1 … w_cK of each of C classes: for the weights of a loss that has several a class.
    """

    name = "sparse_centers"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "regularizers.SparseCentersRegularizer"
    of: ClassVar[tuple[Subject, ...]] = ("weights",)

    centers_per_class: int = option(ge=2, help="K, as in the loss that learns them")
    reducer: ReducerConfig = option(
        Divisor(), help='makes one number of the pairs\'; "divisor" is the formula, "mean" is twice of it'
    )

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.reducer, Divisor):
            _check_reducer(self.name, self.reducer)

    def build(self, context: LossContext) -> torch.nn.Module:
        """weights (C K, D), those of a class one after another → ()."""
        from pytorch_metric_learning.regularizers import SparseCentersRegularizer

        regularizer: torch.nn.Module = SparseCentersRegularizer(
            num_classes=context.num_classes,
            centers_per_class=self.centers_per_class,
            reducer=built_reducer(self.reducer, context),
        )
        return regularizer


def _check_reducer(name: str, reducer: ReducerConfig) -> None:
    """Raises ValueError for a reducer that needs what a regularizer has not: labels, anchors, parts or a divisor."""
    if isinstance(reducer, ClassWeighted | Divisor | Multiple | PerAnchor):
        raise ValueError(
            f'reducer = "{reducer.name}" does not go with the regularizer "{name}", which has one term a row and knows '
            'no labels; use "mean", "sum", "avg_non_zero" or "threshold"'
        )


@hookimpl
def dmlcore_register_regularizers() -> Sequence[type[RegularizerConfig]]:
    return [Lp, ZeroMean, CenterInvariant, RegularFace, SparseCenters]
