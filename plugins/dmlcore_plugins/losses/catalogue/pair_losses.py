"""Losses on pairs: how near two images of one class are, and how far two of different classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from attrs import frozen

from dmlcore import DistanceConfig, MinerConfig, ReducerConfig, RegularizerConfig, option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    POS_AND_NEG,
    SIMILARITIES,
    LibraryLoss,
    Memory,
    distance_option,
    embedding_regularizer_option,
    memory_option,
    miner_option,
    reducer_option,
    regularizer_weight_option,
)


def order_problems(
    loss: Contrastive | SignalToNoiseRatioContrastive | LiftedStructure | GeneralizedLiftedStructure,
) -> Iterator[str]:
    """Says where positives may lie farther apart than negatives are pushed."""
    if loss.larger_is_nearer is None:
        return
    if loss.larger_is_nearer:
        wrong, instead = loss.pos_margin <= loss.neg_margin, "pos_margin = 1 and neg_margin = 0.5"
    else:
        wrong, instead = loss.pos_margin >= loss.neg_margin, "pos_margin = 0 and neg_margin = 1"
    if wrong:
        nearer = "larger" if loss.larger_is_nearer else "smaller"
        yield (
            f"pos_margin = {loss.pos_margin:g} and neg_margin = {loss.neg_margin:g} do not keep negatives farther apart"
            f" than positives, for {nearer} is nearer with this distance; set {instead}"
        )


@frozen
class Contrastive(LibraryLoss):
    """Contrastive loss as the library has it (Hadsell et al., 2006): every option of pytorch-metric-learning.

    Prefer `contrastive`, whose one margin and distance a report can place beside those of other losses, and which
    records how many pairs are active. This one takes any distance, reducer, regularizer and a memory. With a
    similarity, where larger is nearer, both margins must be set.
    """

    name = "pml_contrastive"
    adapts: ClassVar[str] = "losses.ContrastiveLoss"
    terms = "pair"
    parts = POS_AND_NEG

    pos_margin: float = option(0.0, help="positives farther apart than this are pulled", unit="of the distance")
    neg_margin: float = option(1.0, help="negatives nearer than this are pushed", unit="of the distance")
    distance: DistanceConfig | None = distance_option('"lp" (Euclidean)')
    reducer: ReducerConfig | None = reducer_option("avg_non_zero")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        if self.larger_is_nearer:
            return r"L = \mathrm{mean}_P \max(m_+ - s_{ij}, 0) + \mathrm{mean}_N \max(s_{ij} - m_-, 0)"
        return r"L = \mathrm{mean}_P \max(d_{ij} - m_+, 0) + \mathrm{mean}_N \max(m_- - d_{ij}, 0)"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        yield from order_problems(self)
        yield from collapse_problems(self)


@frozen
class SignalToNoiseRatioContrastive(LibraryLoss):
    """Contrastive loss on the signal-to-noise ratio (Yuan et al., 2019): distances are variances of differences.

    d(a, x) = var(x − a) / var(a). The paper adds the regularizer "zero_mean".
    """

    name = "signal_to_noise_ratio_contrastive"
    adapts: ClassVar[str] = "losses.SignalToNoiseRatioContrastiveLoss"
    distances = ("snr",)
    default_distance = None
    terms = "pair"
    parts = POS_AND_NEG

    pos_margin: float = option(0.0, ge=0, help="positives farther apart than this are pulled", unit="of the distance")
    neg_margin: float = option(1.0, gt=0, help="negatives nearer than this are pushed", unit="of the distance")
    distance: DistanceConfig | None = distance_option('"snr"')
    reducer: ReducerConfig | None = reducer_option("avg_non_zero")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        return r"L = \mathrm{mean}_P \max(d_{ij} - m_+, 0) + \mathrm{mean}_N \max(m_- - d_{ij}, 0)"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        yield from order_problems(self)


def collapse_problems(loss: Contrastive) -> Iterator[str]:
    """Says where no negative is pushed once all embeddings have become one point."""
    nearest = {"cosine": 1, "euclidean": 0, "squared_euclidean": 0}.get(loss.compares_by or "")
    if nearest == 1 and loss.neg_margin >= 1:
        yield (
            f"neg_margin = {loss.neg_margin:g} is a cosine that no negative is beyond, so that the loss is 0 for "
            "embeddings that became one point; set pos_margin = 1 and neg_margin = 0.5"
        )
    if nearest == 0 and loss.neg_margin <= 0:
        yield (
            f"neg_margin = {loss.neg_margin:g} is a distance that no negative is within, so that the loss is 0 for "
            "embeddings that became one point; set neg_margin = 1"
        )


@frozen
class LiftedStructure(LibraryLoss):
    """Lifted structure loss (Oh Song et al., 2016, equation 4): each positive pair against all negatives of both.

    There is no memory for it: the library would take a positive that is in the memory for an image of the batch, and
    count that image's negatives. `generalized_lifted_structure` has one.
    """

    name = "lifted_structure"
    adapts: ClassVar[str] = "losses.LiftedStructureLoss"
    terms = "pair"

    neg_margin: float = option(1.0, help="added to what negatives push", unit="of the distance")
    pos_margin: float = option(0.0, help="taken from what positives pull", unit="of the distance")
    distance: DistanceConfig | None = distance_option('"lp" (Euclidean)')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()

    @property
    def formula(self) -> str:
        if self.larger_is_nearer:
            return (
                r"L = \frac{1}{2|P|} \sum_{(i,j) \in P}"
                r" \max(0, \log \sum_{n \in N_i \cup N_j} e^{s_n - m_-} + m_+ - s_{ij})^2"
            )
        return (
            r"L = \frac{1}{2|P|} \sum_{(i,j) \in P}"
            r" \max(0, \log \sum_{n \in N_i \cup N_j} e^{m_- - d_n} + d_{ij} - m_+)^2"
        )

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        yield from order_problems(self)


@frozen
class GeneralizedLiftedStructure(LibraryLoss):
    """Generalized lifted structure loss (Hermans et al., 2017, page 4): all positives of an anchor against all others.

    An anchor without positives, or without negatives, counts by the others alone.
    """

    name = "generalized_lifted_structure"
    adapts: ClassVar[str] = "losses.GeneralizedLiftedStructureLoss"
    terms = "image"

    neg_margin: float = option(1.0, help="added to what negatives push", unit="of the distance")
    pos_margin: float = option(0.0, help="taken from what positives pull", unit="of the distance")
    distance: DistanceConfig | None = distance_option('"lp" (Euclidean)')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        if self.larger_is_nearer:
            positive, negative = "m_+ - s_{ip}", "s_{in} - m_-"
        else:
            positive, negative = "d_{ip} - m_+", "m_- - d_{in}"
        return (
            rf"L = \frac{{1}}{{B}} \sum_i \max(0, \log \sum_{{p \in P_i}} e^{{{positive}}}"
            rf" + \log \sum_{{n \in N_i}} e^{{{negative}}})"
        )

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        yield from order_problems(self)


@frozen
class IntraPairVariance(LibraryLoss):
    """Intra-pair variance loss (Yu and Tao, 2019): positive pairs, and negative pairs, should be alike.

    A pair counts by how much worse than the mean of its sort it is. It says nothing of where the means lie, and is 0
    for embeddings that became one point: add it to another loss, with `weighted_sum`; the paper adds it to
    `tuplet_margin`.
    """

    name = "intra_pair_variance"
    adapts: ClassVar[str] = "losses.IntraPairVarianceLoss"
    default_distance = "cosine"
    terms = "pair"
    parts = POS_AND_NEG

    pos_eps: float = option(0.01, ge=0, help="share of the mean that a positive pair may be worse by")
    neg_eps: float = option(0.01, ge=0, help="share of the mean that a negative pair may be worse by")
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
            r"L = \mathrm{mean}_P \max(0, (1 - \epsilon_+) \bar{s}_P - s_{ij})^2"
            r" + \mathrm{mean}_N \max(0, s_{ij} - (1 + \epsilon_-) \bar{s}_N)^2"
        )


@frozen
class MultiSimilarity(LibraryLoss):
    """Multi-similarity loss (Wang et al., 2019, equation 10): an anchor's pairs, each weighed against the others.

    The paper has it with the miner "multi_similarity", α = 2, β = 50 and λ = 1; the library's λ is 0.5.
    """

    name = "multi_similarity"
    adapts: ClassVar[str] = "losses.MultiSimilarityLoss"
    default_distance = "cosine"
    terms = "image"

    alpha: float = option(2.0, gt=0, help="α: the larger, the more the farthest positives count")
    beta: float = option(50.0, gt=0, help="β: the larger, the more the nearest negatives count")
    base: float = option(0.5, help="λ: positives below and negatives above it count most", unit="of the distance")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option()
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        positive, negative = ("s_{ip} - \\lambda", "s_{in} - \\lambda")
        if not self.larger_is_nearer:
            positive, negative = ("\\lambda - d_{ip}", "\\lambda - d_{in}")
        return (
            r"L = \frac{1}{B} \sum_i \frac{1}{\alpha} \log \left( 1 + \sum_{p \in P_i}"
            rf" e^{{-\alpha ({positive})}} \right) + \frac{{1}}{{\beta}} \log \left( 1 + \sum_{{n \in N_i}}"
            rf" e^{{\beta ({negative})}} \right)"
        )


@frozen
class Circle(LibraryLoss):
    """Circle loss on pairs (Sun et al., 2020, equation 6): the farther a pair is from its optimum, the more it weighs.

    The paper's values for fine-grained retrieval are the defaults; for faces m = 0.25 and γ = 256.
    """

    name = "circle"
    adapts: ClassVar[str] = "losses.CircleLoss"
    distances = COSINE
    default_distance = "cosine"
    terms = "image"

    m: float = option(0.4, gt=0, lt=1, unit="cosine", help="positives are wanted above 1 − m, negatives below m")
    gamma: float = option(80.0, gt=0, help="γ: the larger, the more the hardest pairs count")
    distance: DistanceConfig | None = distance_option('"cosine"')
    reducer: ReducerConfig | None = reducer_option("avg_non_zero")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()
    memory: Memory | None = memory_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \mathrm{mean}_i \log \left( 1 + \sum_{n \in N_i} e^{\gamma \alpha_n (s_{in} - m)}"
            r" \sum_{p \in P_i} e^{-\gamma \alpha_p (s_{ip} - 1 + m)} \right),"
            r"\quad \alpha_p = \max(1 + m - s_{ip}, 0),\ \alpha_n = \max(s_{in} + m, 0)"
        )


@frozen
class ThresholdConsistentMargin(LibraryLoss):
    """Threshold-consistent margin loss (Zhang et al., 2023): one threshold should fit all classes.

    It pulls only positives below one cosine and pushes only negatives above another, and is meant to be added to
    another loss, with `weighted_sum`.
    """

    name = "threshold_consistent_margin"
    adapts: ClassVar[str] = "losses.ThresholdConsistentMarginLoss"
    default_distance = "cosine"
    distances = COSINE
    terms = "one number"

    lambda_plus: float = option(1.0, ge=0, help="weight of the positives")
    lambda_minus: float = option(1.0, gt=0, help="weight of the negatives")
    margin_plus: float = option(0.9, gt=-1, le=1, unit="cosine", help="positives below it are pulled")
    margin_minus: float = option(0.5, ge=-1, lt=1, unit="cosine", help="negatives above it are pushed")
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()

    @property
    def formula(self) -> str:
        return (
            r"L = \lambda_+ \mathrm{mean}_{P,\ s \leq m_+} (m_+ - s_{ij})"
            r" + \lambda_- \mathrm{mean}_{N,\ s \geq m_-} (s_{ij} - m_-)"
        )

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        if self.margin_plus < self.margin_minus:
            yield (
                f"margin_plus = {self.margin_plus:g} lets positives lie farther apart than margin_minus = "
                f"{self.margin_minus:g} pushes negatives; make margin_plus the larger"
            )


@frozen
class Histogram(LibraryLoss):
    """Histogram loss (Ustinova and Lempitsky, 2016, equation 4): how probable it is that a negative pair is nearer.

    The similarities of positive and of negative pairs are binned, and compared as distributions.
    """

    name = "histogram"
    adapts: ClassVar[str] = "losses.HistogramLoss"
    distances = SIMILARITIES
    distance_needs: ClassVar[dict[str, object]] = {"normalize_embeddings": True, "p": 2}
    default_distance = "cosine"
    terms = "one number"

    n_bins: int | None = option(None, ge=2, help="bins from -1 to 1; left out: 100, or as delta says")
    delta: float | None = option(None, gt=0, le=1, unit="cosine", help="width of a bin; left out: 2 / n_bins")
    distance: DistanceConfig | None = distance_option('"cosine"')
    embedding_regularizer: RegularizerConfig | None = embedding_regularizer_option()
    embedding_reg_weight: float = regularizer_weight_option("embedding")
    miner: MinerConfig | None = miner_option()

    @property
    def formula(self) -> str:
        return r"L = \sum_r p_-(r) \sum_{q \leq r} p_+(q)"

    def problems(self) -> Iterator[str]:
        yield from LibraryLoss.problems(self)
        if self.n_bins is not None and self.delta is not None:
            yield "n_bins and delta say the same, delta = 2 / n_bins; leave one of them out"
        elif self.delta is not None and abs(2 / self.delta - round(2 / self.delta)) > 1e-6:
            bins = round(2 / self.delta)
            yield f"delta = {self.delta:g} does not divide the way from -1 to 1; set n_bins = {bins} instead"
