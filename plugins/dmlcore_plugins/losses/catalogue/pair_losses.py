"""Losses on pairs: how near two images of one class are, and how far two of different classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from attrs import frozen

from dmlcore import DistanceConfig, option
from dmlcore_plugins.losses.catalogue.distances import SNR
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    DISTANCE,
    POS_AND_NEG,
    SIMILARITIES,
    Averaged,
    AveragedAboveZero,
    ByCosine,
    ByEuclidean,
    LibraryLoss,
    Mined,
    Remembered,
)


class TwoMargins(LibraryLoss):
    """A loss with a margin for positives and one for negatives."""

    pos_margin: float
    neg_margin: float

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.larger_is_nearer is None:
            return
        if self.larger_is_nearer:
            wrong, instead = self.pos_margin <= self.neg_margin, "pos_margin = 1 and neg_margin = 0.5"
        else:
            wrong, instead = self.pos_margin >= self.neg_margin, "pos_margin = 0 and neg_margin = 1"
        if wrong:
            nearer = "larger" if self.larger_is_nearer else "smaller"
            yield (
                f"pos_margin = {self.pos_margin:g} and neg_margin = {self.neg_margin:g} do not keep negatives farther "
                f"apart than positives, for {nearer} is nearer with this distance; set {instead}"
            )


@frozen
class Contrastive(Remembered, AveragedAboveZero, ByEuclidean, TwoMargins):
    """Contrastive loss with every option of the library (Hadsell et al., 2006).

    Take `contrastive` for margins that a report compares with those of other losses, for a gate or the mean over
    anchors; take this one for another distance, reducer, regularizer or a memory. With a similarity, where larger is
    nearer, set both margins.
    """

    name = "pml_contrastive"
    terms = "pair"
    parts = POS_AND_NEG
    measured_formula = r"L = \mathrm{mean}_P \max([μ_{ij} | m_+], 0) + \mathrm{mean}_N \max([m_- | μ_{ij}], 0)"

    pos_margin: float = option(0.0, help="positives farther apart than this are pulled", unit="of the distance")
    neg_margin: float = option(1.0, help="negatives nearer than this are pushed", unit="of the distance")

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.compares_by == "cosine":
            wrong, none, instead = self.neg_margin >= 1, "cosine is above", "pos_margin = 1 and neg_margin = 0.5"
        else:
            wrong, none, instead = self.neg_margin <= 0, "distance is below", "neg_margin = 1"
        if self.compares_by and wrong:
            yield (
                f"no {none} neg_margin = {self.neg_margin:g}, so the loss is 0 if all embeddings are equal; "
                f"set {instead}"
            )


@frozen
class SignalToNoiseRatioContrastive(Remembered, AveragedAboveZero, TwoMargins):
    """Contrastive loss on the signal-to-noise ratio (Yuan et al., 2019): distances are variances of differences.

    d(a, x) = var(x − a) / var(a). The paper adds the regularizer "zero_mean".
    """

    name = "signal_to_noise_ratio_contrastive"
    distances = ("snr",)
    terms = "pair"
    parts = POS_AND_NEG
    measured_formula = Contrastive.measured_formula

    pos_margin: float = option(0.0, ge=0, help="positives farther apart than this are pulled", unit="of the distance")
    neg_margin: float = option(1.0, gt=0, help="negatives nearer than this are pushed", unit="of the distance")
    distance: DistanceConfig = option(SNR(), help=DISTANCE, omit_if_default=True)


@frozen
class LiftedStructure(Mined, Averaged, ByEuclidean, TwoMargins):
    """Lifted structure loss (Oh Song et al., 2016, equation 4): each positive pair against all negatives of both.

    There is no memory for it: the library would take a positive that is in the memory for an image of the batch, and
    count that image's negatives. `generalized_lifted_structure` has one.
    """

    name = "lifted_structure"
    terms = "pair"
    measured_formula = (
        r"L = \frac{1}{2|P|} \sum_{(i,j) \in P}"
        r" \max(0, \log \sum_{n \in N_i \cup N_j} e^{[m_- | μ_n]} + [μ_{ij} | m_+])^2"
    )

    neg_margin: float = option(1.0, help="added to what negatives push", unit="of the distance")
    pos_margin: float = option(0.0, help="taken from what positives pull", unit="of the distance")


@frozen
class GeneralizedLiftedStructure(Remembered, Averaged, ByEuclidean, TwoMargins):
    """Generalized lifted structure loss (Hermans et al., 2017, page 4): all positives of an anchor against all others.

    An anchor without positives, or without negatives, counts by the others alone.
    """

    name = "generalized_lifted_structure"
    measured_formula = (
        r"L = \frac{1}{B} \sum_i \max(0, \log \sum_{p \in P_i} e^{[μ_{ip} | m_+]}"
        r" + \log \sum_{n \in N_i} e^{[m_- | μ_{in}]})"
    )

    neg_margin: float = option(1.0, help="added to what negatives push", unit="of the distance")
    pos_margin: float = option(0.0, help="taken from what positives pull", unit="of the distance")


@frozen
class IntraPairVariance(Remembered, Averaged, ByCosine, LibraryLoss):
    """Intra-pair variance loss (Yu and Tao, 2019): positive pairs should be alike, and negative pairs too.

    A pair counts by how much worse than the mean of its kind it is. The loss ignores where the means are, and is 0 if
    all embeddings are equal: add it to another loss with `weighted_sum`; the paper adds it to `tuplet_margin`.
    """

    name = "intra_pair_variance"
    terms = "pair"
    parts = POS_AND_NEG
    similarity_formula = (
        r"L = \mathrm{mean}_P \max(0, (1 - \epsilon_+) \bar{s}_P - s_{ij})^2"
        r" + \mathrm{mean}_N \max(0, s_{ij} - (1 + \epsilon_-) \bar{s}_N)^2"
    )

    pos_eps: float = option(0.01, ge=0, help="share of the mean that a positive pair may be worse by")
    neg_eps: float = option(0.01, ge=0, help="share of the mean that a negative pair may be worse by")


@frozen
class MultiSimilarity(Remembered, Averaged, ByCosine, LibraryLoss):
    """Multi-similarity loss (Wang et al., 2019, equation 10): an anchor's pairs, each weighed against the others.

    The paper has it with the miner "multi_similarity", α = 2, β = 50 and λ = 1; the library's λ is 0.5.
    """

    name = "multi_similarity"
    measured_formula = (
        r"L = \frac{1}{B} \sum_i \frac{1}{\alpha} \log \left( 1 + \sum_{p \in P_i} e^{-\alpha ([\lambda | μ_{ip}])}"
        r" \right) + \frac{1}{\beta} \log \left( 1 + \sum_{n \in N_i} e^{\beta ([\lambda | μ_{in}])} \right)"
    )

    alpha: float = option(2.0, gt=0, help="α: the larger, the more the farthest positives count")
    beta: float = option(50.0, gt=0, help="β: the larger, the more the nearest negatives count")
    base: float = option(0.5, help="λ: positives below and negatives above it count most", unit="of the distance")


@frozen
class Circle(Remembered, AveragedAboveZero, ByCosine, LibraryLoss):
    """Circle loss on pairs (Sun et al., 2020, equation 6): the farther a pair is from its optimum, the more it weighs.

    The defaults are the paper's for fine-grained retrieval; for faces it has m = 0.25 and γ = 256.
    """

    name = "circle"
    distances = COSINE
    formula = (
        r"L = \mathrm{mean}_i \log \left( 1 + \sum_{n \in N_i} e^{\gamma \alpha_n (s_{in} - m)}"
        r" \sum_{p \in P_i} e^{-\gamma \alpha_p (s_{ip} - 1 + m)} \right),"
        r"\quad \alpha_p = \max(1 + m - s_{ip}, 0),\ \alpha_n = \max(s_{in} + m, 0)"
    )

    m: float = option(0.4, gt=0, lt=1, unit="cosine", help="positives should be above 1 − m, negatives below m")
    gamma: float = option(80.0, gt=0, help="γ: the larger, the more the hardest pairs count")


@frozen
class ThresholdConsistentMargin(Mined, LibraryLoss):
    """Threshold-consistent margin loss (Zhang et al., 2023): one threshold should fit all classes.

    It pulls only positives below one cosine and pushes only negatives above another, and is meant to be added to
    another loss, with `weighted_sum`.
    """

    name = "threshold_consistent_margin"
    terms = "one number"
    formula = (
        r"L = \lambda_+ \mathrm{mean}_{P,\ s \leq m_+} (m_+ - s_{ij})"
        r" + \lambda_- \mathrm{mean}_{N,\ s \geq m_-} (s_{ij} - m_-)"
    )

    lambda_plus: float = option(1.0, ge=0, help="weight of the positives")
    lambda_minus: float = option(1.0, gt=0, help="weight of the negatives")
    margin_plus: float = option(0.9, gt=-1, le=1, unit="cosine", help="positives below it are pulled")
    margin_minus: float = option(0.5, ge=-1, lt=1, unit="cosine", help="negatives above it are pushed")

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.margin_plus < self.margin_minus:
            yield (
                f"margin_plus = {self.margin_plus:g} lets positives be farther apart than margin_minus = "
                f"{self.margin_minus:g} pushes negatives; set the larger one as margin_plus"
            )


@frozen
class Histogram(Mined, ByCosine, LibraryLoss):
    """Histogram loss (Ustinova and Lempitsky, 2016, equation 4): how probable it is that a negative pair is nearer.

    The similarities of positive and of negative pairs are binned, and compared as distributions.
    """

    name = "histogram"
    distances = SIMILARITIES
    distance_needs: ClassVar[dict[str, object]] = {"normalize_embeddings": True, "p": 2}
    terms = "one number"
    formula = r"L = \sum_r p_-(r) \sum_{q \leq r} p_+(q)"

    n_bins: int | None = option(None, ge=2, help="number of bins from -1 to 1; default: 100, or as delta says")
    delta: float | None = option(None, gt=0, le=1, unit="cosine", help="width of a bin; default: 2 / n_bins")

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if self.n_bins is not None and self.delta is not None:
            yield "n_bins and delta mean the same, delta = 2 / n_bins; remove one of them"
        elif self.delta is not None and abs(2 / self.delta - round(2 / self.delta)) > 1e-6:
            bins = round(2 / self.delta)
            yield f"delta = {self.delta:g} does not divide the range from -1 to 1; set n_bins = {bins} instead"
