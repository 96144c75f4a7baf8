"""Losses that classify the training classes by a learned vector each; the vectors are not used after training."""

from __future__ import annotations

from collections.abc import Iterator
from math import degrees
from typing import Any

from attrs import frozen

from dmlcore import LossContext, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    Averaged,
    ByCosine,
    ByDotProduct,
    LearnsClasses,
    LibraryLoss,
    Weighed,
)


@frozen(slots=False)
class CosineSoftmax(Weighed, LearnsClasses, Averaged, ByCosine, LibraryLoss):
    """A softmax over angles to class vectors."""

    distances = COSINE
    terms = "image"


class DegreeMargin(CosineSoftmax):
    """A margin on the angle to the own class vector."""

    margin_axis = "degrees"
    margin_kind = "difference"

    margin: float

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if 0 < self.margin < 1.6:
            yield (
                f"margin = {self.margin:g} degrees is almost 0; if these are radians, as in the paper, set "
                f"margin = {degrees(self.margin):.3g}"
            )


@frozen
class LargeMarginSoftmax(CosineSoftmax):
    """Large-margin softmax (Liu et al., 2016, equation 4): the angle to the own class vector counts several times.

    Lengths of embeddings and class vectors stay in the logits, so use it with embedding.normalize = false.
    """

    name = "large_margin_softmax"
    adapts = "losses.LargeMarginSoftmaxLoss"

    margin: int = option(4, ge=1, help="m: how many times the angle counts; 1: a plain softmax")
    scale: float = option(1.0, gt=0, help="factor of the logits")


@frozen
class SphereFace(CosineSoftmax):
    """SphereFace (Liu et al., 2017, equation 7): large-margin softmax with class vectors of length 1.

    The embedding's length stays in the logits: use embedding.normalize = false, or a larger scale.
    """

    name = "sphereface"
    adapts = "losses.SphereFaceLoss"

    margin: int = option(4, ge=1, help="m: how many times the angle counts; 1: a plain softmax")
    scale: float = option(1.0, gt=0, help="factor of the logits")


@frozen
class ArcFace(DegreeMargin):
    """ArcFace (Deng et al., 2019, equation 3): a margin on the angle to the own class vector.

    The margin is in degrees, as in the library: 28.6 are the paper's 0.5 radians.
    """

    name = "arcface"
    adapts = "losses.ArcFaceLoss"
    formula = (
        r"L = \mathrm{mean}_i -\log \frac{e^{s \cos(\theta_{iy} + m)}}"
        r"{e^{s \cos(\theta_{iy} + m)} + \sum_{j \neq y} e^{s \cos \theta_{ij}}}"
    )

    margin: float = option(28.6, ge=0, lt=180, unit="degrees", help="m: added to the angle to the own class vector")
    scale: float = option(64.0, gt=0, help="s: factor of the cosines")


@frozen
class SubCenterArcFace(DegreeMargin):
    """Sub-center ArcFace (Deng et al., 2020, equation 3): ArcFace with several vectors per class, the nearest counts.

    For classes with several looks, or with wrong labels. The margin is in degrees.
    """

    name = "subcenter_arcface"
    adapts = "losses.SubCenterArcFaceLoss"
    formula = rf"{ArcFace.formula},\quad \theta_{{ij}} = \min_k \theta_{{ijk}}"

    margin: float = option(28.6, ge=0, lt=180, unit="degrees", help="m: added to the angle to the own class")
    scale: float = option(64.0, gt=0, help="s: factor of the cosines")
    sub_centers: int = option(3, ge=1, help="K: vectors per class")

    @property
    def centers_of_a_class(self) -> int:
        return self.sub_centers


@frozen
class CosFace(CosineSoftmax):
    """CosFace (Wang et al., 2018, equation 4): a margin on the cosine to the own class vector."""

    name = "cosface"
    adapts = "losses.CosFaceLoss"
    margin_kind = "difference"
    formula = (
        r"L = \mathrm{mean}_i -\log \frac{e^{s (\cos \theta_{iy} - m)}}"
        r"{e^{s (\cos \theta_{iy} - m)} + \sum_{j \neq y} e^{s \cos \theta_{ij}}}"
    )

    margin: float = option(0.35, ge=0, lt=2, unit="cosine", help="m: taken from the cosine to the own class vector")
    scale: float = option(64.0, gt=0, help="s: factor of the cosines")


@frozen
class NormalizedSoftmax(Weighed, LearnsClasses, Averaged, ByDotProduct, LibraryLoss):
    """Normalized softmax (Zhai and Wu, 2019): a softmax over the cosines to class vectors, with a temperature."""

    name = "normalized_softmax"
    adapts = "losses.NormalizedSoftmaxLoss"
    terms = "image"
    similarity_formula = r"L = \mathrm{mean}_i -\log \frac{e^{s(x_i, w_y) / \tau}}{\sum_j e^{s(x_i, w_j) / \tau}}"

    temperature: float = option(0.05, gt=0, help="τ: divisor of the cosines")


@frozen
class P2SGrad(LibraryLoss):
    """P2SGrad (Zhang et al., 2019, equation 11): cosines to class vectors should be 1 for the own, 0 for others.

    The paper gives a gradient; the squared error that the library computes has it.
    """

    name = "p2s_grad"
    adapts = "losses.P2SGradLoss"
    terms = "one number"
    learns_classes = True
    needs_positives = False
    needs_negatives = False
    formula = r"L = \frac{1}{B\,C} \sum_i \sum_j (\cos \theta_{ij} - [j = y_i])^2"

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The library has another name for the embedding size here."""
        arguments = super().arguments(context)
        arguments["descriptors_dim"] = arguments.pop("embedding_size")
        return arguments
