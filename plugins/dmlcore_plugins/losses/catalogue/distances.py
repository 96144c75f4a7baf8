"""Distances of pytorch-metric-learning, for losses and miners that take one.

Its `BatchedDistance` is left out: it gives no distances, but hands blocks of them to a function of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from dmlcore import DistanceConfig, LossContext, StudyError, hookimpl, option

if TYPE_CHECKING:
    import torch
    from pytorch_metric_learning.distances import BaseDistance


@frozen
class Cosine(DistanceConfig):
    """The cosine of the angle between two embeddings: from -1 to 1, larger is nearer.

        s(x, y) = x·y / (|x| |y|)

    `dot_product` has powers of it.
    """

    name = "cosine"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "distances.CosineSimilarity"
    is_inverted: ClassVar[bool] = True
    """Whether larger is nearer."""

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), others (B', D) → (B, B')."""
        from pytorch_metric_learning.distances import CosineSimilarity

        distance: torch.nn.Module = CosineSimilarity()
        return distance


@frozen
class DotProduct(DistanceConfig):
    """The dot product of two embeddings, which are L2-normalised before unless it is said not to: larger is nearer.

        s(x, y) = (x·y)^power, of x / |x|_p and y / |y|_p where normalised

    As the library has it by default, it is the cosine: set normalize_embeddings = false for the plain product.
    Losses and miners whose margins are cosines want it normalised.
    """

    name = "dot_product"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "distances.DotProductSimilarity"
    is_inverted: ClassVar[bool] = True

    normalize_embeddings: bool = option(True, help="divide each embedding by its norm first")
    p: float = option(2.0, ge=1, help="which norm: 1 is the sum of absolute values, 2 the Euclidean, inf the largest")
    power: int = option(1, ge=1, help="each product is raised to it; an even power takes opposites for equals")

    def __attrs_post_init__(self) -> None:
        _check_norm(self)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), others (B', D) → (B, B')."""
        from pytorch_metric_learning.distances import DotProductSimilarity

        distance: torch.nn.Module = DotProductSimilarity(
            normalize_embeddings=self.normalize_embeddings, p=self.p, power=self.power
        )
        return distance


@frozen
class Lp(DistanceConfig):
    """The Lp distance of two embeddings, by default Euclidean on the unit sphere: from 0 on, smaller is nearer.

        d(x, y) = (Σ_i |x_i − y_i|^p)^(power / p), of x / |x|_p and y / |y|_p where normalised

    With p = 2 on the unit sphere it is at most 2^power, and d² = 2 − 2s for the cosine s. The derivative of a power
    below 1 is infinite where two embeddings are equal, as each is to itself, so there is none.
    """

    name = "lp"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "distances.LpDistance"
    is_inverted: ClassVar[bool] = False

    normalize_embeddings: bool = option(True, help="divide each embedding by its p-norm first")
    p: float = option(2.0, ge=1, help="1 is the Manhattan distance, 2 the Euclidean, inf the largest difference")
    power: float = option(1.0, ge=1, help="each distance is raised to it; 2 gives squared distances")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), others (B', D) → (B, B')."""
        from pytorch_metric_learning.distances import LpDistance

        distance: torch.nn.Module = LpDistance(
            normalize_embeddings=self.normalize_embeddings, p=self.p, power=self.power
        )
        return distance


@frozen
class SNR(DistanceConfig):
    """One over the signal-to-noise ratio (Yuan et al., 2019): the anchor is signal, the difference is noise.

        d(x, y) = (var(y − x) / var(x))^power, of x / |x|_p and y / |y|_p where normalised

    Variances are over the D numbers of an embedding. d(x, y) is not d(y, x). Memory is for B² D numbers. The paper
    has it with `zero_mean` as regularizer of the embeddings.
    """

    name = "snr"
    libraries = ("pytorch-metric-learning",)
    adapts: ClassVar[str] = "distances.SNRDistance"
    is_inverted: ClassVar[bool] = False

    normalize_embeddings: bool = option(True, help="divide each embedding by its norm first")
    p: float = option(2.0, ge=1, help="which norm: 1 is the sum of absolute values, 2 the Euclidean, inf the largest")
    power: float = option(1.0, ge=1, help="each distance is raised to it")

    def __attrs_post_init__(self) -> None:
        _check_norm(self)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), others (B', D) → (B, B'). Raises StudyError where D is 1: one number has no variance."""
        from pytorch_metric_learning.distances import SNRDistance

        if context.embedding_dim < 2:
            raise StudyError('The distance "snr" is made of variances within an embedding: set embedding.dim above 1.')
        distance: torch.nn.Module = SNRDistance(
            normalize_embeddings=self.normalize_embeddings, p=self.p, power=self.power
        )
        return distance


def _check_norm(distance: DotProduct | SNR) -> None:
    if distance.p != 2 and not distance.normalize_embeddings:
        raise ValueError(
            f"p = {distance.p:g} is the norm that embeddings are divided by, and normalize_embeddings = false has "
            "none of it; leave one of them out"
        )


def built_distance(distance: DistanceConfig, context: LossContext) -> BaseDistance:
    """The distance's module, as losses and miners of pytorch-metric-learning call it.

    Raises StudyError where another plugin's distance is no `BaseDistance`.
    """
    from pytorch_metric_learning.distances import BaseDistance

    module = distance.build(context)
    if not isinstance(module, BaseDistance):
        raise StudyError(
            f'The distance "{distance.name}" gives a {type(module).__name__}, and losses and miners of '
            "pytorch-metric-learning can only call a BaseDistance. Use another distance here."
        )
    return module


@hookimpl
def dmlcore_register_distances() -> Sequence[type[DistanceConfig]]:
    return [Cosine, DotProduct, Lp, SNR]
