"""Losses on all images of a batch at once: as a classification by neighbors, or as a ranking for each image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from attrs import frozen

from dmlcore import MinerConfig, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    LP,
    Averaged,
    AveragedAboveZero,
    ByCosine,
    ByDotProduct,
    ByEuclidean,
    BySquaredEuclidean,
    LibraryLoss,
    Remembered,
    Weighed,
)

LARGEST_EXPONENT = 80.0
"""e to it is just below the largest float32."""


@frozen
class NTXent(Remembered, Averaged, ByCosine, LibraryLoss):
    """NT-Xent, also InfoNCE (Chen et al., 2020, equation 1): each positive pair against the anchor's negatives.

    Positives of a class are not negatives of each other, unlike views of one image in the paper.
    """

    name = "nt_xent"
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
    similarity_formula = r"L = \mathrm{mean}_c -\log \frac{e^{s(a_c, p_c)}}{\sum_k e^{s(a_c, p_k)}}"

    miner: MinerConfig | None = option(None, help="of the positive pairs that it picks, the first of each class counts")


@frozen
class NCA(Weighed, Averaged, BySquaredEuclidean, LibraryLoss):
    """Neighborhood components analysis (Goldberger et al., 2004): the probability of a neighbor of the same class.

    The logarithm of the paper's probability, a variant that it names. There is no memory for it: the library would
    count an image's own copy in the memory as its nearest positive.
    """

    name = "nca"
    measured_formula = (
        r"L = \mathrm{mean}_i -\log \frac{\sum_{p \in P_i} e^{±\sigma μ_{ip}}}{\sum_{j \neq i} e^{±\sigma μ_{ij}}}"
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
    distances = COSINE

    gamma: float = option(64.0, gt=0, help="γ: factor of the similarities in the softmax")


@frozen
class FastAP(Weighed, Averaged, BySquaredEuclidean, LibraryLoss):
    """FastAP (Cakir et al., 2019, equation 11): average precision of each image's ranking, by binned distances."""

    name = "fast_ap"
    distances = LP
    distance_needs: ClassVar[dict[str, object]] = {"p": 2, "normalize_embeddings": True}
    formula = r"L = \mathrm{mean}_i \left( 1 - \frac{1}{|P_i|} \sum_b h_b^+ \frac{H_b^+}{H_b} \right)"

    num_bins: int = option(10, ge=1, help="number of bins between the smallest and the largest distance")


@frozen
class SmoothAP(Weighed, Averaged, ByCosine, LibraryLoss):
    """Smooth-AP (Brown et al., 2020, equation 7): average precision with sigmoids for the steps of the ranking.

    The image itself counts as the first of its ranking, as in the paper's code. The library's computation is correct
    only for batches of as many classes as images of each; this one is for any batch. Memory is for B³ numbers.
    """

    name = "smooth_ap"
    distances = COSINE
    formula = (
        r"L = \mathrm{mean}_q\, 1 - \frac{1}{|P_q|} \sum_{i \in P_q} \frac{1 + \sum_{j \in P_q \setminus i}"
        r" \sigma((s_{qj} - s_{qi}) / \tau)}{1 + \sum_{j \neq i} \sigma((s_{qj} - s_{qi}) / \tau)}"
    )

    temperature: float = option(0.01, gt=0, help="τ: the smaller, the steeper the sigmoid")


@frozen
class PNP(ByCosine, LibraryLoss):
    """PNP loss (Li et al., 2021): how many negatives are ranked before an image's positives, by one of five functions.

    With R negatives before a positive: "O" counts R, "Ib" and "Iu" let the gradient grow with R, "Ds" and "Dq" let it
    shrink, so that hopeless positives are ignored. Memory is for B³ numbers.
    """

    name = "pnp"
    distances = COSINE
    terms = "one number"

    b: float = option(2.0, gt=0, help='of variant "Ib": R/b − log(1 + bR)/b²')
    alpha: float = option(1.0, gt=0, help='of variant "Dq": 1 − (1 + R)^−α')
    anneal: float = option(0.01, gt=0, help="τ: the smaller, the steeper the sigmoid that counts negatives")
    variant: Literal["Ds", "Dq", "Iu", "Ib", "O"] = option(
        "O", help="log(1 + R), 1 − (1 + R)^−α, (1 + R) log(1 + R), R/b − log(1 + bR)/b² or R"
    )

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        for option_name, variant, default in (("b", "Ib", 2), ("alpha", "Dq", 1)):
            value: float = getattr(self, option_name)
            if self.variant != variant and value != default:
                yield f'{option_name} = {value:g} is for variant "{variant}" only; remove it, or set that variant'


@frozen
class RankedList(Averaged, ByEuclidean, LibraryLoss):
    """Ranked list loss (Wang et al., 2019, equation 8): positives within α − margin, negatives beyond α.

    Only pairs on the wrong side count, weighed by how far they are. It is 0 if all embeddings are equal, whatever its
    options. The paper has margin 0.4, α 1.2 and Tn 10 on CUB-200-2011.
    """

    name = "ranked_list"
    distances = ("lp", "snr")
    margin_kind = "difference"

    margin: float = option(gt=0, unit="of the distance", help="between the bounds of positives and of negatives")
    Tn: float = option(ge=0, help="how much more nearer negatives count; 0: all equally")
    imbalance: float = option(0.5, gt=0, lt=1, help="λ: weight of the negatives; positives have 1 − λ")
    alpha: float | None = option(
        None, gt=0, unit="of the distance", help="α: negatives nearer than this count; default: 1 + margin / 2"
    )
    Tp: float = option(0.0, ge=0, help="how much more farther positives count; 0: all equally")

    @property
    def bound(self) -> float:
        """α: where negatives begin."""
        return 1 + self.margin / 2 if self.alpha is None else self.alpha

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.larger_is_nearer:
            yield (
                f'the loss "{self.name}" needs a distance, smaller for nearer images, and "{self.distance.name}" is a '
                'similarity; use "lp"'
            )
        if self.margin > self.bound:
            yield (
                f"margin = {self.margin:g} leaves no distance for positives below alpha = {self.bound:g}; set a margin "
                "below alpha"
            )
        for temperature, reach in (("Tn", self.bound), ("Tp", 2 - self.bound + self.margin)):
            value: float = getattr(self, temperature)
            if value * reach > LARGEST_EXPONENT:
                yield (
                    f"{temperature} = {value:g} leads to numbers that overflow float32; set at most "
                    f"{LARGEST_EXPONENT / reach:.3g}"
                )
