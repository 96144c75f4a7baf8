"""Losses that classify the training classes by a learnt vector each; the vectors are thrown away after training."""

from __future__ import annotations

from collections.abc import Iterator
from math import degrees
from typing import Any, ClassVar

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
    LibraryLoss,
    WeightInit,
    distance_option,
    embedding_regularizer_option,
    reducer_option,
    regularizer_weight_option,
    weighing_miner_option,
    weight_init_option,
    weight_regularizer_option,
)


def degree_problems(margin: float) -> Iterator[str]:
    """Says where a margin was meant in radians."""
    if 0 < margin < 1.6:
        yield (
            f"margin = {margin:g} degrees is next to none; if these are radians, as in the paper, set "
            f"margin = {degrees(margin):.3g}"
        )


@frozen
class LargeMarginSoftmax(LibraryLoss):
    """Large-margin softmax (Liu et al., 2016, equation 4): the angle to the own class vector counts several times.

    Lengths of embeddings and class vectors stay in the logits, so it is meant for embedding.normalize = false.
    """

    name = "large_margin_softmax"
    adapts: ClassVar[str] = "losses.LargeMarginSoftmaxLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    margin: int = option(4, ge=1, help="m: how many times the angle counts; 1: the plain softmax")
    scale: float = option(1.0, gt=0, help="what the logits are multiplied by")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option('"normal"')
    miner: MinerConfig | None = weighing_miner_option()


@frozen
class SphereFace(LibraryLoss):
    """SphereFace (Liu et al., 2017, equation 7): large-margin softmax with class vectors of length 1.

    The embedding's length stays in the logits, so it is meant for embedding.normalize = false, or a larger scale.
    """

    name = "sphereface"
    adapts: ClassVar[str] = "losses.SphereFaceLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    margin: int = option(4, ge=1, help="m: how many times the angle counts; 1: a plain softmax")
    scale: float = option(1.0, gt=0, help="what the logits are multiplied by")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option('"normal"')
    miner: MinerConfig | None = weighing_miner_option()


@frozen
class ArcFace(LibraryLoss):
    """ArcFace (Deng et al., 2019, equation 3): a margin on the angle to the own class vector.

    The margin is in degrees, as the library has it: 28.6 are the paper's 0.5 radians.
    """

    name = "arcface"
    adapts: ClassVar[str] = "losses.ArcFaceLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    margin: float = option(28.6, ge=0, lt=180, unit="degrees", help="m: added to the angle to the own class vector")
    scale: float = option(64.0, gt=0, help="s: what the cosines are multiplied by")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option('"normal"')
    miner: MinerConfig | None = weighing_miner_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \mathrm{mean}_i -\log \frac{e^{s \cos(\theta_{iy} + m)}}"
            r"{e^{s \cos(\theta_{iy} + m)} + \sum_{j \neq y} e^{s \cos \theta_{ij}}}"
        )

    @property
    def margin_axis(self) -> MarginAxis:
        return "degrees"

    @property
    def margin_kind(self) -> MarginKind:
        return "difference"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        yield from degree_problems(self.margin)


@frozen
class SubCenterArcFace(LibraryLoss):
    """Sub-center ArcFace (Deng et al., 2020, equation 3): ArcFace with several vectors a class, the nearest counts.

    For classes of several looks, or with wrong labels in them. The margin is in degrees.
    """

    name = "subcenter_arcface"
    adapts: ClassVar[str] = "losses.SubCenterArcFaceLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    margin: float = option(28.6, ge=0, lt=180, unit="degrees", help="m: added to the angle to the own class")
    scale: float = option(64.0, gt=0, help="s: what the cosines are multiplied by")
    sub_centers: int = option(3, ge=1, help="K: vectors a class")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option('"normal"')
    miner: MinerConfig | None = weighing_miner_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \mathrm{mean}_i -\log \frac{e^{s \cos(\theta_{iy} + m)}}"
            r"{e^{s \cos(\theta_{iy} + m)} + \sum_{j \neq y} e^{s \cos \theta_{ij}}},"
            r"\quad \theta_{ij} = \min_k \theta_{ijk}"
        )

    @property
    def margin_axis(self) -> MarginAxis:
        return "degrees"

    @property
    def margin_kind(self) -> MarginKind:
        return "difference"

    @property
    def centers_of_a_class(self) -> int:
        return self.sub_centers

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        yield from degree_problems(self.margin)


@frozen
class CosFace(LibraryLoss):
    """CosFace (Wang et al., 2018, equation 4): a margin on the cosine to the own class vector."""

    name = "cosface"
    adapts: ClassVar[str] = "losses.CosFaceLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    margin: float = option(0.35, ge=0, lt=2, unit="cosine", help="m: taken from the cosine to the own class vector")
    scale: float = option(64.0, gt=0, help="s: what the cosines are multiplied by")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option('"normal"')
    miner: MinerConfig | None = weighing_miner_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \mathrm{mean}_i -\log \frac{e^{s (\cos \theta_{iy} - m)}}"
            r"{e^{s (\cos \theta_{iy} - m)} + \sum_{j \neq y} e^{s \cos \theta_{ij}}}"
        )

    @property
    def margin_axis(self) -> MarginAxis:
        return "cosine"

    @property
    def margin_kind(self) -> MarginKind:
        return "difference"


@frozen
class NormalizedSoftmax(LibraryLoss):
    """Normalised softmax (Zhai and Wu, 2019): a softmax over the cosines to class vectors, with a temperature."""

    name = "normalized_softmax"
    adapts: ClassVar[str] = "losses.NormalizedSoftmaxLoss"
    default_distance = "cosine"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    temperature: float = option(0.05, gt=0, help="τ: what the cosines are divided by")
    distance: DistanceConfig | None = distance_option('"dot_product" of normalised embeddings')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option('"normal"')
    miner: MinerConfig | None = weighing_miner_option()

    @property
    def formula(self) -> str:
        if not self.larger_is_nearer:
            return ""
        return r"L = \mathrm{mean}_i -\log \frac{e^{s(x_i, w_y) / \tau}}{\sum_j e^{s(x_i, w_j) / \tau}}"


@frozen
class P2SGrad(LibraryLoss):
    """P2SGrad (Zhang et al., 2019, equation 11): cosines to class vectors should be 1 for the own, 0 for others.

    The paper gives a gradient; the squared error that the library computes has it.
    """

    name = "p2s_grad"
    adapts: ClassVar[str] = "losses.P2SGradLoss"
    default_distance = "cosine"
    terms = "one number"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")

    @property
    def formula(self) -> str:
        return r"L = \frac{1}{B\,C} \sum_i \sum_j (\cos \theta_{ij} - [j = y_i])^2"

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """What the library's class is called with."""
        arguments = LibraryLoss.arguments(self, context)
        arguments["descriptors_dim"] = arguments.pop("embedding_size")
        return arguments
