"""Losses that rank the images of a batch for each of them, and measure the ranking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from attrs import frozen

from dmlcore import option
from dmlcore_plugins.losses.catalogue.library_loss import (
    COSINE,
    LP,
    Averaged,
    ByCosine,
    ByEuclidean,
    BySquaredEuclidean,
    LibraryLoss,
    Weighed,
)

LARGEST_EXPONENT = 80.0
"""e to it is just below the largest float32."""


@frozen
class FastAP(Weighed, Averaged, BySquaredEuclidean, LibraryLoss):
    """FastAP (Cakir et al., 2019, equation 11): average precision of each image's ranking, by binned distances."""

    name = "fast_ap"
    adapts = "losses.FastAPLoss"
    distances = LP
    distance_needs: ClassVar[dict[str, object]] = {"p": 2, "normalize_embeddings": True}
    terms = "image"
    formula = r"L = \mathrm{mean}_i \left( 1 - \frac{1}{|P_i|} \sum_b h_b^+ \frac{H_b^+}{H_b} \right)"

    num_bins: int = option(10, ge=1, help="number of bins between the smallest and the largest distance")


@frozen
class SmoothAP(Weighed, Averaged, ByCosine, LibraryLoss):
    """Smooth-AP (Brown et al., 2020, equation 7): average precision with sigmoids for the steps of the ranking.

    The image itself counts as the first of its ranking, as in the paper's code. The library's computation is correct
    only for batches of as many classes as images of each; this one is for any batch. Memory is for B³ numbers.
    """

    name = "smooth_ap"
    adapts = "losses.SmoothAPLoss"
    distances = COSINE
    terms = "image"
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
    adapts = "losses.PNPLoss"
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
    adapts = "losses.RankedListLoss"
    distances = ("lp", "snr")
    terms = "image"
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
