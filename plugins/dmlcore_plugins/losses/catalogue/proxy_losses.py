"""Losses on proxies: learned points that represent the training classes among the embeddings."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from dmlcore import MarginKind, MinerConfig, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    POS_AND_NEG,
    SIMILARITIES,
    Averaged,
    ByCosine,
    BySquaredEuclidean,
    Divided,
    LearnsClasses,
    LibraryLoss,
    Weighed,
    WeightInit,
)


@frozen
class ProxyAnchor(LearnsClasses, Divided, ByCosine, LibraryLoss):
    """Proxy-Anchor loss (Kim et al., 2020): one learned proxy per class, each an anchor for the whole batch.

    With the cosine s, the margin δ, the scale α, all proxies P, and P⁺ those with an image of their class in
    the batch (equation 4 of the paper):

        1/|P⁺| Σ_{p ∈ P⁺} log(1 + Σ_{x of p's class} exp(−α (s(x, p) − δ)))
        + 1/|P| Σ_{p ∈ P} log(1 + Σ_{x of another class} exp(α (s(x, p) + δ)))

    The proxies are parameters, drawn by default as in the authors' code (Kaiming normal, fan-out) and trained at
    `optimizer.loss_learning_rate`. The loss is defined for a batch of any size, even of one image.
    """

    name = "proxy_anchor"
    former_names = {"pml_proxy_anchor": {}}  # noqa: RUF012  # a class variable of Component
    adapts = "losses.ProxyAnchorLoss"
    terms = "proxy"
    parts = POS_AND_NEG
    gives_divisor = True
    similarity_formula = (
        r"L = \frac{1}{|P^+|} \sum_{p \in P^+}"
        r" \log \left( 1 + \sum_{x \in X_p^+} e^{-\alpha (s(x,p) - \delta)} \right)"
        r" + \frac{1}{|P|} \sum_{p \in P} \log \left( 1 + \sum_{x \in X_p^-} e^{\alpha (s(x,p) + \delta)} \right)"
    )

    margin: float = option(
        0.1, ge=0, unit="of the distance", help="δ: positives beyond δ and negatives below −δ count little"
    )
    alpha: float = option(32.0, gt=0, help="α: the larger, the more the hardest images count")
    miner: MinerConfig | None = option(
        None, help="lowers each image's exponents by 1 less how often it is selected (most: 1); default: none"
    )
    weight_init_func: WeightInit | None = option(
        None, help="function of torch.nn.init that draws the weights; default: Kaiming normal, fan-out"
    )

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
    adapts = "losses.ProxyNCALoss"
    terms = "image"
    similarity_formula = r"L = \mathrm{mean}_i -\log \frac{e^{\sigma s(x_i, p_y)}}{\sum_j e^{\sigma s(x_i, p_j)}}"
    distance_formula = r"L = \mathrm{mean}_i -\log \frac{e^{-\sigma d(x_i, p_y)}}{\sum_j e^{-\sigma d(x_i, p_j)}}"

    softmax_scale: float = option(1.0, gt=0, help="σ: the larger, the more the nearest proxies count")


@frozen
class SoftTriple(Weighed, LearnsClasses, Averaged, ByCosine, LibraryLoss):
    """SoftTriple loss (Qian et al., 2019, equation 7): a softmax over classes of several centers each.

    An image's similarity to a class is a mean over its centers, in which the nearest counts most. The paper adds the
    weight regularizer "sparse_centers", with which superfluous centers merge, weighted 0.2.
    """

    name = "soft_triple"
    adapts = "losses.SoftTripleLoss"
    distances = SIMILARITIES
    terms = "image"
    formula = (
        r"L = \mathrm{mean}_i -\log \frac{e^{\lambda (S_{iy} - \delta)}}"
        r"{e^{\lambda (S_{iy} - \delta)} + \sum_{j \neq y} e^{\lambda S_{ij}}},"
        r"\quad S_{ij} = \sum_k \frac{e^{s_{ijk} / \gamma}}{\sum_l e^{s_{ijl} / \gamma}} s_{ijk}"
    )

    centers_per_class: int = option(10, ge=1, help="K: centers per class")
    la: float = option(20.0, gt=0, help="λ: factor of the similarities to classes in the softmax")
    gamma: float = option(0.1, gt=0, help="γ: the smaller, the more the nearest center of a class counts alone")
    margin: float = option(0.01, ge=0, lt=2, unit="cosine", help="δ: taken from the similarity to the own class")
    weight_init_func: WeightInit | None = option(
        None, help="function of torch.nn.init that draws the weights; default: Kaiming uniform, a = √5"
    )

    @property
    def margin_kind(self) -> MarginKind | None:
        return "difference" if self.compares_by == "cosine" else None

    @property
    def centers_of_a_class(self) -> int:
        return self.centers_per_class
