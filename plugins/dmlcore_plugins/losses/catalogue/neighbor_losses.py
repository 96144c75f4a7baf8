"""Losses that treat a batch as a classification: of all its images, which is of the anchor's class?"""

from __future__ import annotations

from attrs import frozen

from dmlcore import MinerConfig, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    Averaged,
    AveragedAboveZero,
    ByCosine,
    ByDotProduct,
    BySquaredEuclidean,
    LibraryLoss,
    Remembered,
    Weighed,
)


@frozen
class NTXent(Remembered, Averaged, ByCosine, LibraryLoss):
    """NT-Xent, also InfoNCE (Chen et al., 2020, equation 1): each positive pair against the anchor's negatives.

    Positives of a class are not negatives of each other, unlike views of one image in the paper.
    """

    name = "nt_xent"
    adapts = "losses.NTXentLoss"
    terms = "pair"
    similarity_formula = (
        r"L = \mathrm{mean}_{(i,p) \in P} -\log \frac{e^{s_{ip} / \tau}}"
        r"{e^{s_{ip} / \tau} + \sum_{n \in N_i} e^{s_{in} / \tau}}"
    )

    temperature: float = option(0.07, gt=0, help="τ: the smaller, the more the nearest negatives count")


@frozen
class SupCon(Remembered, AveragedAboveZero, ByCosine, LibraryLoss):
    """Supervised contrastive loss (Khosla et al., 2020, equation 2): an anchor's positives, each against all others."""

    name = "sup_con"
    adapts = "losses.SupConLoss"
    terms = "image"
    similarity_formula = (
        r"L = \mathrm{mean}_i \frac{-1}{|P_i|} \sum_{p \in P_i}"
        r" \log \frac{e^{s_{ip} / \tau}}{\sum_{j \neq i} e^{s_{ij} / \tau}}"
    )

    temperature: float = option(0.1, gt=0, help="τ: the smaller, the more the nearest images count")


@frozen
class NPairs(Averaged, ByDotProduct, LibraryLoss):
    """N-pairs loss (Sohn, 2016, equation 7): one positive pair per class, each positive among those of all classes.

    It takes the first positive pair of each class and ignores the rest of the batch: use a sampler with two images per
    class. The paper compares embeddings that are not normalized, by dot products, and keeps them short by the
    regularizer "lp": that is distance "dot_product" with normalize_embeddings = false.
    """

    name = "n_pairs"
    adapts = "losses.NPairsLoss"
    terms = "image"
    similarity_formula = r"L = \mathrm{mean}_c -\log \frac{e^{s(a_c, p_c)}}{\sum_k e^{s(a_c, p_k)}}"

    miner: MinerConfig | None = option(
        None, help="selects the positive pairs of which the first of each class counts; default: all pairs"
    )


@frozen
class NCA(Weighed, Averaged, BySquaredEuclidean, LibraryLoss):
    """Neighborhood components analysis (Goldberger et al., 2004): the probability of a neighbor of the same class.

    The logarithm of the paper's probability, a variant that it names. There is no memory for it: the library would
    count an image's own copy in the memory as its nearest positive.
    """

    name = "nca"
    adapts = "losses.NCALoss"
    terms = "image"
    similarity_formula = (
        r"L = \mathrm{mean}_i -\log \frac{\sum_{p \in P_i} e^{\sigma s_{ip}}}{\sum_{j \neq i} e^{\sigma s_{ij}}}"
    )
    distance_formula = (
        r"L = \mathrm{mean}_i -\log \frac{\sum_{p \in P_i} e^{-\sigma d_{ip}}}{\sum_{j \neq i} e^{-\sigma d_{ij}}}"
    )

    softmax_scale: float = option(1.0, gt=0, help="σ: the larger, the more the nearest images count")


@frozen
class Instance(Averaged, ByCosine, LibraryLoss):
    """Instance loss (Zheng et al., 2020) as the library computes it within a batch, which is not the paper's loss.

    With C classes in the batch, numbered by label from 0, an image of class c is pulled to the batch's image number c,
    whatever its class, and away from all others. That is a classification only if the first C images are one of each
    class, in the order of labels. For the paper's loss, a softmax over learned weights of the training classes, use
    `normalized_softmax`.
    """

    name = "instance"
    adapts = "losses.InstanceLoss"
    distances = COSINE
    terms = "image"

    gamma: float = option(64.0, gt=0, help="γ: factor of the similarities in the softmax")
