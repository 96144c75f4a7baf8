"""Losses that see a batch as a classification: of all its images, which is of the anchor's class?"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from dmlcore import DistanceConfig, MinerConfig, ReducerConfig, RegularizerConfig, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    LibraryLoss,
    Memory,
    distance_option,
    embedding_regularizer_option,
    memory_option,
    miner_option,
    reducer_option,
    regularizer_weight_option,
    weighing_miner_option,
)


@frozen
class NTXent(LibraryLoss):
    """NT-Xent, also InfoNCE (Chen et al., 2020, equation 1): each positive pair against the anchor's negatives.

    Positives of a class are not negatives of each other, unlike views of one image in the paper.
    """

    name = "nt_xent"
    adapts: ClassVar[str] = "losses.NTXentLoss"
    default_distance = "cosine"
    terms = "pair"

    temperature: float = option(0.07, gt=0, help="τ: the smaller, the more the nearest negatives count")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        if not self.larger_is_nearer:
            return ""
        return (
            r"L = \mathrm{mean}_{(i,p) \in P} -\log \frac{e^{s_{ip} / \tau}}"
            r"{e^{s_{ip} / \tau} + \sum_{n \in N_i} e^{s_{in} / \tau}}"
        )


@frozen
class SupCon(LibraryLoss):
    """Supervised contrastive loss (Khosla et al., 2020, equation 2): an anchor's positives, each against all others."""

    name = "sup_con"
    adapts: ClassVar[str] = "losses.SupConLoss"
    default_distance = "cosine"
    terms = "image"

    temperature: float = option(0.1, gt=0, help="τ: the smaller, the more the nearest images count")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option("avg_non_zero")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        if not self.larger_is_nearer:
            return ""
        return (
            r"L = \mathrm{mean}_i \frac{-1}{|P_i|} \sum_{p \in P_i}"
            r" \log \frac{e^{s_{ip} / \tau}}{\sum_{j \neq i} e^{s_{ij} / \tau}}"
        )


@frozen
class NPairs(LibraryLoss):
    """N-pairs loss (Sohn, 2016, equation 7): one positive pair a class, each positive among those of all classes.

    Of a batch, the first positive pair of each class is taken and all else is left out: a sampler with two images a
    class wastes nothing. The paper compares embeddings that are not normalised, by dot products, and keeps them short
    by the regularizer "lp": that is distance "dot_product" with normalize_embeddings = false.
    """

    name = "n_pairs"
    adapts: ClassVar[str] = "losses.NPairsLoss"
    default_distance = "cosine"
    terms = "image"

    distance: DistanceConfig | None = distance_option('"dot_product" of normalised embeddings')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = option(
        None, help="of the positive pairs that it picks, the first of each class counts; left out: of all"
    )

    @property
    def formula(self) -> str:
        if not self.larger_is_nearer:
            return ""
        return r"L = \mathrm{mean}_c -\log \frac{e^{s(a_c, p_c)}}{\sum_k e^{s(a_c, p_k)}}"


@frozen
class NCA(LibraryLoss):
    """Neighbourhood components analysis (Goldberger et al., 2004): the chance to draw a neighbour of one's own class.

    The logarithm of the paper's probability, a variant that it names. There is no memory for it: the library would
    count an image's own copy in the memory as its nearest positive.
    """

    name = "nca"
    adapts: ClassVar[str] = "losses.NCALoss"
    default_distance = "squared_euclidean"
    terms = "image"

    softmax_scale: float = option(1.0, gt=0, help="σ: the larger, the more the nearest images count")
    distance: DistanceConfig | None = distance_option('"lp" with power = 2 (squared Euclidean)')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = weighing_miner_option()

    @property
    def formula(self) -> str:
        sign, measure = ("", "s") if self.larger_is_nearer else ("-", "d")
        return (
            rf"L = \mathrm{{mean}}_i -\log \frac{{\sum_{{p \in P_i}} e^{{{sign}\sigma {measure}_{{ip}}}}}}"
            rf"{{\sum_{{j \neq i}} e^{{{sign}\sigma {measure}_{{ij}}}}}}"
        )


@frozen
class Instance(LibraryLoss):
    """Instance loss (Zheng et al., 2020) as the library computes it, within a batch: mind what that is.

    With C classes in the batch, numbered by label from 0, an image of class c is drawn to the batch's image at place c,
    of whatever class that is, and away from all others. That is a classification only where the first C images are
    one of each class, in the order of labels. For the paper's own, a softmax over learnt weights of the training
    classes, use `normalized_softmax`.
    """

    name = "instance"
    adapts: ClassVar[str] = "losses.InstanceLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "image"

    gamma: float = option(64.0, gt=0, help="γ: what similarities are multiplied by in the softmax")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
