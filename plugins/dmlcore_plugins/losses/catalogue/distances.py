"""Distances of pytorch-metric-learning, for losses and miners that take one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from dmlcore import DistanceConfig, LossContext, StudyError, hookimpl, option
from dmlcore_plugins.losses.catalogue.adapted import Adapted

if TYPE_CHECKING:
    import torch


@frozen(slots=False)
class Normalizing(Adapted):
    """A distance that can normalize embeddings by any norm."""

    normalize_embeddings: bool = option(True, help="divide each embedding by its norm first")
    p: float = option(2.0, ge=1, help="which norm: 1 is the sum of absolute values, 2 the Euclidean, inf the largest")

    def problems(self) -> Iterator[str]:
        if self.p != 2 and not self.normalize_embeddings:
            yield (
                f"p = {self.p:g} is the norm that embeddings are divided by, but normalize_embeddings = false; "
                "remove one of them"
            )


@frozen
class Cosine(Adapted, DistanceConfig):
    """The cosine of the angle between two embeddings: from -1 to 1, larger is nearer.

        s(x, y) = x·y / (|x| |y|)

    `dot_product` has powers of it.
    """

    name = "cosine"
    adapts = "distances.CosineSimilarity"
    is_inverted: ClassVar[bool] = True
    """Whether larger is nearer."""


@frozen
class DotProduct(Normalizing, DistanceConfig):
    """The dot product of two embeddings, L2-normalized by default: larger is nearer.

        s(x, y) = (x·y)^power, of x / |x|_p and y / |y|_p where normalized

    With the defaults it is the cosine: set normalize_embeddings = false for the plain product. Losses and miners
    with cosine margins need it normalized.
    """

    name = "dot_product"
    adapts = "distances.DotProductSimilarity"
    is_inverted: ClassVar[bool] = True

    power: int = option(1, ge=1, help="each product is raised to it; an even power ignores the sign")


@frozen
class Lp(Adapted, DistanceConfig):
    """The Lp distance of two embeddings, by default Euclidean on the unit sphere: from 0 on, smaller is nearer.

        d(x, y) = (Σ_i |x_i − y_i|^p)^(power / p), of x / |x|_p and y / |y|_p where normalized

    With p = 2 on the unit sphere it is at most 2^power, and d² = 2 − 2s for the cosine s. The derivative of a power
    below 1 is infinite for equal embeddings, as each is to itself, so there is none.
    """

    name = "lp"
    is_inverted: ClassVar[bool] = False

    normalize_embeddings: bool = option(True, help="divide each embedding by its p-norm first")
    p: float = option(2.0, ge=1, help="1 is the Manhattan distance, 2 the Euclidean, inf the largest difference")
    power: float = option(1.0, ge=1, help="each distance is raised to it; 2 gives squared distances")


@frozen
class SNR(Normalizing, DistanceConfig):
    """One over the signal-to-noise ratio (Yuan et al., 2019): the anchor is signal, the difference is noise.

        d(x, y) = (var(y − x) / var(x))^power, of x / |x|_p and y / |y|_p where normalized

    Variances are over the D numbers of an embedding. d(x, y) is not d(y, x). Memory is for B² D numbers. The paper
    has it with `zero_mean` as regularizer of the embeddings.
    """

    name = "snr"
    is_inverted: ClassVar[bool] = False

    power: float = option(1.0, ge=1, help="each distance is raised to it")

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), others (B', D) → (B, B'). Raises StudyError if D is 1: one number has no variance."""
        if context.embedding_dim < 2:
            raise StudyError('The distance "snr" needs the variance of an embedding: set embedding.dim above 1.')
        return super().build(context)


@hookimpl
def dmlcore_register_distances() -> Sequence[type[DistanceConfig]]:
    return [Cosine, DotProduct, Lp, SNR]
