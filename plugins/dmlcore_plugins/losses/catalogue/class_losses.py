"""Losses that learn the training classes: by a vector each, or by proxies or centers among the embeddings.

What they learn is not used after training.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from dmlcore import LossContext, MarginKind, MinerConfig, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    POS_AND_NEG,
    SIMILARITIES,
    WEIGHT_INIT,
    Averaged,
    ByCosine,
    ByDotProduct,
    BySquaredEuclidean,
    DegreeMargin,
    Divided,
    LearnsClasses,
    LibraryLoss,
    Weighed,
    WeightInit,
)


@frozen(slots=False)
class CosineSoftmax(Weighed, LearnsClasses, Averaged, ByCosine, LibraryLoss):
    """A softmax over angles to class vectors."""

    distances = COSINE


@frozen
class LargeMarginSoftmax(CosineSoftmax):
    """Large-margin softmax (Liu et al., 2016, equation 4): the angle to the own class vector counts several times.

    Lengths of embeddings and class vectors stay in the logits, so use it with embedding.normalize = false.
    """

    name = "large_margin_softmax"

    margin: int = option(4, ge=1, help="m: how many times the angle counts; 1: a plain softmax")
    scale: float = option(1.0, gt=0, help="factor of the logits")


@frozen
class SphereFace(CosineSoftmax):
    """SphereFace (Liu et al., 2017, equation 7): large-margin softmax with class vectors of length 1.

    The embedding's length stays in the logits: use embedding.normalize = false, or a larger scale.
    """

    name = "sphereface"

    margin: int = option(4, ge=1, help="m: how many times the angle counts; 1: a plain softmax")
    scale: float = option(1.0, gt=0, help="factor of the logits")


@frozen
class ArcFace(CosineSoftmax, DegreeMargin):
    """ArcFace (Deng et al., 2019, equation 3): a margin on the angle to the own class vector.

    The margin is in degrees, as in the library: 28.6 are the paper's 0.5 radians.
    """

    name = "arcface"
    formula = (
        r"L = \mathrm{mean}_i -\log \frac{e^{s \cos(\theta_{iy} + m)}}"
        r"{e^{s \cos(\theta_{iy} + m)} + \sum_{j \neq y} e^{s \cos \theta_{ij}}}"
    )

    margin: float = option(28.6, ge=0, lt=180, unit="degrees", help="m: added to the angle to the own class vector")
    scale: float = option(64.0, gt=0, help="s: factor of the cosines")


@frozen
class SubCenterArcFace(CosineSoftmax, DegreeMargin):
    """Sub-center ArcFace (Deng et al., 2020, equation 3): ArcFace with several vectors per class, the nearest counts.

    For classes with several looks, or with wrong labels. The margin is in degrees.
    """

    name = "subcenter_arcface"
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
    similarity_formula = r"L = \mathrm{mean}_i -\log \frac{e^{s(x_i, w_y) / \tau}}{\sum_j e^{s(x_i, w_j) / \tau}}"

    temperature: float = option(0.05, gt=0, help="τ: divisor of the cosines")


@frozen
class P2SGrad(LibraryLoss):
    """P2SGrad (Zhang et al., 2019, equation 11): cosines to class vectors should be 1 for the own, 0 for others.

    The paper gives a gradient; the squared error that the library computes has it.
    """

    name = "p2s_grad"
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


@frozen
class ProxyAnchor(LearnsClasses, Divided, ByCosine, LibraryLoss):
    """Proxy-Anchor loss (Kim et al., 2020, equation 4): one learned proxy per class, an anchor for the whole batch.

    The proxies are parameters, drawn by default as in the authors' code (Kaiming normal, fan-out) and trained at
    `optimizer.loss_learning_rate`; P⁺ are those with an image of their class in the batch. The loss is defined for a
    batch of any size, even of one image.
    """

    name = "proxy_anchor"
    former_names = {"pml_proxy_anchor": {}}  # noqa: RUF012  # a class variable of Component
    terms = "proxy"
    parts = POS_AND_NEG
    gives_divisor = True
    similarity_formula = (
        r"L = \frac{1}{|P^+|} \sum_{p \in P^+}"
        r" \log \left( 1 + \sum_{x \in X_p^+} e^{-\alpha (s(x,p) - \delta)} \right)"
        r" + \frac{1}{|P|} \sum_{p \in P} \log \left( 1 + \sum_{x \in X_p^-} e^{\alpha (s(x,p) + \delta)} \right)"
    )

    margin: float = option(0.1, ge=0, unit="of the distance", help="positives above δ, negatives below −δ count little")
    alpha: float = option(32.0, gt=0, help="α: the larger, the more the hardest images count")
    miner: MinerConfig | None = option(
        None, help="lowers each image's exponents by 1 less how often it is picked (most: 1); default: none"
    )
    weight_init_func: WeightInit | None = option(None, help=f"{WEIGHT_INIT}: Kaiming normal, fan-out")

    embedding_reg_weight: float = option(1.0, gt=0, help="factor of the embedding regularizer", omit_if_default=True)
    weight_reg_weight: float = option(1.0, gt=0, help="factor of the weight regularizer", omit_if_default=True)

    @property
    def margin_kind(self) -> MarginKind | None:
        return "threshold" if self.compares_by == "cosine" else None

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.compares_by == "cosine" and self.margin >= 1:
            yield f"margin must be < 1 with cosines, not {self.margin:g}"


@frozen
class ProxyNCA(Weighed, LearnsClasses, Averaged, BySquaredEuclidean, LibraryLoss):
    """Proxy-NCA (Movshovitz-Attias et al., 2017): the probability of the proxy of the image's class.

    The library has the own proxy in the denominator too, as later code does.
    """

    name = "proxy_nca"
    measured_formula = r"L = \mathrm{mean}_i -\log \frac{e^{±\sigma μ(x_i, p_y)}}{\sum_j e^{±\sigma μ(x_i, p_j)}}"

    softmax_scale: float = option(1.0, gt=0, help="σ: the larger, the more the nearest proxies count")


@frozen
class SoftTriple(Weighed, LearnsClasses, Averaged, ByCosine, LibraryLoss):
    """SoftTriple loss (Qian et al., 2019, equation 7): a softmax over classes of several centers each.

    An image's similarity to a class is a mean over its centers, in which the nearest counts most. The paper adds the
    weight regularizer "sparse_centers", with which superfluous centers merge, weighted 0.2.
    """

    name = "soft_triple"
    distances = SIMILARITIES
    formula = (
        r"L = \mathrm{mean}_i -\log \frac{e^{\lambda (S_{iy} - \delta)}}"
        r"{e^{\lambda (S_{iy} - \delta)} + \sum_{j \neq y} e^{\lambda S_{ij}}},"
        r"\quad S_{ij} = \sum_k \frac{e^{s_{ijk} / \gamma}}{\sum_l e^{s_{ijl} / \gamma}} s_{ijk}"
    )

    centers_per_class: int = option(10, ge=1, help="K: centers per class")
    la: float = option(20.0, gt=0, help="λ: factor of the similarities to classes in the softmax")
    gamma: float = option(0.1, gt=0, help="γ: the smaller, the more the nearest center of a class counts alone")
    margin: float = option(0.01, ge=0, lt=2, unit="cosine", help="δ: taken from the similarity to the own class")
    weight_init_func: WeightInit | None = option(None, help=f"{WEIGHT_INIT}: Kaiming uniform, a = √5")

    @property
    def margin_kind(self) -> MarginKind | None:
        return "difference" if self.compares_by == "cosine" else None

    @property
    def centers_of_a_class(self) -> int:
        return self.centers_per_class
