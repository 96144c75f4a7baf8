"""Losses on proxies: learnt points that stand for the training classes among the embeddings."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from dmlcore import DistanceConfig, MarginAxis, MarginKind, MinerConfig, ReducerConfig, RegularizerConfig, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    POS_AND_NEG,
    SIMILARITIES,
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


@frozen
class ProxyAnchor(LibraryLoss):
    """Proxy-Anchor loss as the library has it (Kim et al., 2020, equation 4): every option of pytorch-metric-learning.

    Prefer `proxy_anchor`, which records how many pairs of image and proxy are active. This one takes any distance,
    reducer, regularizer and miner.
    """

    name = "pml_proxy_anchor"
    adapts: ClassVar[str] = "losses.ProxyAnchorLoss"
    default_distance = "cosine"
    terms = "proxy"
    parts = POS_AND_NEG
    gives_divisor = True
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    margin: float = option(
        0.1, ge=0, unit="of the distance", help="δ: positives beyond δ and negatives below −δ count little"
    )
    alpha: float = option(32.0, gt=0, help="α: the larger, the more the hardest images count")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option("divisor")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option("Kaiming normal, fan-out")
    miner: MinerConfig | None = option(
        None, help="each image's exponents are lowered by 1 less how often it is picked (most: 1); left out: none"
    )

    @property
    def formula(self) -> str:
        if not self.larger_is_nearer:
            return ""
        return (
            r"L = \frac{1}{|P^+|} \sum_{p \in P^+}"
            r" \log \left( 1 + \sum_{x \in X_p^+} e^{-\alpha (s(x,p) - \delta)} \right)"
            r" + \frac{1}{|P|} \sum_{p \in P} \log \left( 1 + \sum_{x \in X_p^-} e^{\alpha (s(x,p) + \delta)} \right)"
        )

    @property
    def margin_axis(self) -> MarginAxis | None:
        return "cosine" if self.compares_by == "cosine" else None

    @property
    def margin_kind(self) -> MarginKind | None:
        return "threshold" if self.margin_axis else None


@frozen
class ProxyNCA(LibraryLoss):
    """Proxy-NCA (Movshovitz-Attias et al., 2017): the chance of an image to draw the proxy of its own class.

    The library has the own proxy in the denominator too, as later codes do.
    """

    name = "proxy_nca"
    adapts: ClassVar[str] = "losses.ProxyNCALoss"
    default_distance = "squared_euclidean"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    softmax_scale: float = option(1.0, gt=0, help="σ: the larger, the more the nearest proxies count")
    distance: DistanceConfig | None = distance_option('"lp" with power = 2 (squared Euclidean)')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option('"normal"')
    miner: MinerConfig | None = weighing_miner_option()

    @property
    def formula(self) -> str:
        sign, measure = ("", "s") if self.larger_is_nearer else ("-", "d")
        return (
            rf"L = \mathrm{{mean}}_i -\log \frac{{e^{{{sign}\sigma {measure}(x_i, p_y)}}}}"
            rf"{{\sum_j e^{{{sign}\sigma {measure}(x_i, p_j)}}}}"
        )


@frozen
class SoftTriple(LibraryLoss):
    """SoftTriple loss (Qian et al., 2019, equation 7): a softmax over classes of several centres each.

    An image's similarity to a class is a mean over its centres, the nearest counting most. The paper adds the weight
    regularizer "sparse_centers", with which superfluous centres merge, weighted 0.2.
    """

    name = "soft_triple"
    adapts: ClassVar[str] = "losses.SoftTripleLoss"
    distances = SIMILARITIES
    default_distance = "cosine"
    terms = "image"
    learns_classes = True
    needs_positives = False
    needs_negatives = False

    centers_per_class: int = option(10, ge=1, help="K: centres a class")
    la: float = option(20.0, gt=0, help="λ: what similarities to classes are multiplied by in the softmax")
    gamma: float = option(0.1, gt=0, help="γ: the smaller, the more the nearest centre of a class counts alone")
    margin: float = option(0.01, ge=0, lt=2, unit="cosine", help="δ: taken from the similarity to the own class")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    weight_regularizer: RegularizerConfig | None = weight_regularizer_option()
    weight_reg_weight: float = regularizer_weight_option("weight")
    weight_init_func: WeightInit | None = weight_init_option("Kaiming uniform, a = √5")
    miner: MinerConfig | None = weighing_miner_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \mathrm{mean}_i -\log \frac{e^{\lambda (S_{iy} - \delta)}}"
            r"{e^{\lambda (S_{iy} - \delta)} + \sum_{j \neq y} e^{\lambda S_{ij}}},"
            r"\quad S_{ij} = \sum_k \frac{e^{s_{ijk} / \gamma}}{\sum_l e^{s_{ijl} / \gamma}} s_{ijk}"
        )

    @property
    def margin_axis(self) -> MarginAxis | None:
        return "cosine" if self.compares_by == "cosine" else None

    @property
    def margin_kind(self) -> MarginKind | None:
        return "difference" if self.margin_axis else None

    @property
    def centers_of_a_class(self) -> int:
        return self.centers_per_class
