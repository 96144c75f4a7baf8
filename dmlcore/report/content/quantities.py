"""The quantities that runs record: what each is called, its unit, which direction is better, and its format.

Tables, figures and explanations take all of these from here; a new quantity is one entry of `QUANTITIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, isfinite, log10
from typing import Literal

from attrs import evolve, frozen

from dmlcore.text import byte_unit, capitalized, duration

GEOMETRY = "geometry/"
"""Prefix of the names of quantities of the test embeddings."""
TRAINING = "training/"
"""Prefix of the names of quantities of the last epoch's batches."""

CLASSES = "on training classes"

ZERO_LOSS = f"{TRAINING}zero_loss_steps"

MISSING = "–"
"""A table cell without a value."""


def typeset(text: str) -> str:
    """Return the text of numbers with typographic minus signs."""
    return text.replace("-", "−")


Column = Callable[[Sequence[float]], list[str]]
"""Formats values of one quantity that are shown together, with the same unit and number of decimals."""


def aligned(values: Sequence[float]) -> list[str]:
    """Return the values with three digits of the largest: "0.480" and "0.006".

    They have up to four decimals where the smallest would be zero otherwise. Whole numbers have none.
    """
    sizes = [abs(value) for value in values if value and isfinite(value)]
    if all(size == int(size) for size in sizes):
        return [typeset(f"{value:,.0f}") for value in values]
    if max(sizes) < TINY:
        return [typeset(f"{value:.2e}") for value in values]
    enough, first = (max(0, digits - floor(log10(size))) for digits, size in ((2, max(sizes)), (0, min(sizes))))
    decimals = max(enough, min(first, 4))
    return [typeset(f"{round(value, decimals) + 0.0:,.{decimals}f}") for value in values]


TINY = 1e-4
"""Below this size, numbers are written with powers of ten."""


def number(value: float) -> str:
    """Three or four digits, for a quantity of any size within a sentence."""
    if abs(value) >= 100 or value == int(value):
        return typeset(f"{value:,.0f}")
    return typeset(f"{value:.4f}" if 0.001 <= abs(value) < 1 else f"{value:.3g}")


def durations(values: Sequence[float]) -> list[str]:
    """Seconds in the units of the longest."""
    return [duration(value, max(values)) for value in values]


def byte_sizes(values: Sequence[float]) -> list[str]:
    """Numbers of bytes in the unit of the largest."""
    scale, unit = byte_unit(max(values, default=0.0))
    return [f"{text} {unit}" for text in aligned([value / scale for value in values])]


def each(form: Callable[[float], str]) -> Column:
    """Return the column of a format that has the same number of decimals for every value."""
    return lambda values: list(map(form, values))


def decimals(value: float) -> str:
    """Four decimals."""
    return typeset(f"{value:.4f}")


def metric(value: float) -> str:
    """Four decimals; counts as whole numbers."""
    return whole(value) if value > 1 and value == int(value) else decimals(value)


def signed(value: float, digits: int = 4) -> str:
    """Signed decimals, without a minus before zeros."""
    return typeset(f"{round(value, digits) + 0.0:+.{digits}f}")


def whole(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


@frozen
class Quantity:
    """How one quantity is shown."""

    name: str
    """As it is stored, without the group before the slash."""
    label: str
    better: Literal["higher", "lower"] | None = None
    definition: str = ""
    column: Column = aligned
    unit: str = ""
    """Of the axes of figures."""
    scale: float = 1.0
    """Stored units in one `unit`."""
    of: str = ""
    """What it is measured on, if its group does not say."""

    @property
    def heading(self) -> str:
        """The label for the heading of a figure: its unit, and ↓ where lower is better."""
        return self.label + (f", {self.unit}" if self.unit else "") + (" ↓" if self.better == "lower" else "")

    @property
    def note(self) -> str:
        """Definition and better direction in words; empty without a definition."""
        if not self.definition:
            return ""
        return f"{self.label}: {self.definition}" + (f"; {self.better} is better" if self.better else "")


_ENTRIES = (
    # of the test embeddings; some of them also of training batches
    Quantity("effective_rank", "effective rank"),
    Quantity("dimensions_for_90_percent", "number of axes for 90% variance"),
    Quantity("intra_class_distance", "mean distance within classes", "lower"),
    Quantity("inter_class_distance", "mean distance between classes", "higher", "mean distance between class centers"),
    Quantity("distance_ratio", "distance ratio", "lower", "mean distance within classes over between class centers"),
    Quantity("alignment", "alignment", "lower", "mean squared distance of positive pairs"),
    Quantity("uniformity", "uniformity", "lower", "log mean exp(−2d²) over pairs, low where embeddings spread out"),
    Quantity("hubness", "hubness", "lower", "skewness of how often an image is among the 10 nearest of others"),
    Quantity("positive_similarity", "mean cosine of positive pairs", "higher"),
    Quantity("negative_similarity", "mean cosine of negative pairs", "lower"),
    Quantity(
        "similarity_overlap", "similarity overlap", "lower", "chance that a negative pair is closer than a positive one"
    ),
    Quantity("mean_cosine", "mean cosine of all pairs"),
    # of the training classes
    Quantity("proxy_similarity", "cosine of proxy and class mean", "higher", of=CLASSES),
    Quantity("proxy_accuracy", "accuracy of the nearest proxy", "higher", of=CLASSES),
    Quantity("similarity_between_proxies", "mean cosine between proxies", "lower", of=CLASSES),
    # of training
    Quantity("zero_loss_steps", "share of steps with zero loss"),
    Quantity("coverage", "share of images visited"),
    Quantity("gradient_norm", "gradient norm"),
    Quantity("active_positive_pairs", "share of active positive pairs"),
    Quantity("active_negative_pairs", "share of active negative pairs"),
    Quantity("active_triplets", "share of active triplets"),
    # of an epoch or a run
    Quantity("loss", "training loss", "lower", column=each(decimals)),
    Quantity("learning_rate", "learning rate"),
    Quantity("images_per_second", "images per second", "higher", column=each(whole)),
    Quantity("seconds", "time per run", column=durations, unit="min", scale=60),
    Quantity("peak_memory", "peak memory", column=byte_sizes, unit="GB", scale=1e9),
    # of a probe of the batch size
    Quantity("positives_per_anchor", "positives per anchor"),
    Quantity("negatives_per_anchor", "negatives per anchor"),
    Quantity("unseen_cosine", "mean cosine of unseen images"),
    Quantity("gain", "gain", "higher", column=each(signed)),
)

QUANTITIES = {entry.name: entry for entry in _ENTRIES}

_METRIC = Quantity("", "", "higher", column=each(metric))
"""Every metric of an evaluator; its label follows from its name."""

_CAPITALS = frozenset({"map", "nmi", "ami", "mrr", "r", "k", "roc", "auc", "eer"})
"""Words in the names of metrics that are written in capital letters."""

_QUANTILES = {"_q05": "5%", "_q50": "50%", "_q95": "95%"}


def quantity(name: str) -> Quantity:
    """Return the quantity of a stored name: evaluator/metric, geometry/…, training/…, or a name without a group."""
    group, _, rest = name.rpartition("/")
    if group and f"{group}/" not in (GEOMETRY, TRAINING):
        return evolve(_METRIC, name=rest, label=_metric_label(rest))
    if rest in QUANTITIES:
        return QUANTITIES[rest]
    if rest[-4:] in _QUANTILES:
        pairs = rest.partition("_")[0]
        return Quantity(rest, f"{_QUANTILES[rest[-4:]]} quantile of {pairs}-pair cosines")
    return Quantity(rest, rest.replace("_", " "))


def _metric_label(name: str) -> str:
    """ "recall_at_1" → "Recall@1"; "map_at_r" → "MAP@R"; "nmi_pml" → "NMI pml"."""
    words = [word.upper() if word in _CAPITALS else word for word in name.split("_")]
    return capitalized(" ".join(words).replace(" at ", "@").replace("R precision", "R-precision"))


def column(name: str, values: Sequence[float | None]) -> list[str]:
    """Return the values of a quantity as the cells of a column or row."""
    shown = iter(quantity(name).column([value for value in values if value is not None]))
    return [MISSING if value is None else next(shown) for value in values]


def cell(name: str, value: float | None) -> str:
    """Return a value as the only cell of its quantity."""
    return column(name, [value])[0]


def label(name: str) -> str:
    """ "retrieval/recall_at_1" → "Recall@1"."""
    return quantity(name).label


def full_label(name: str) -> str:
    """ "geometry/effective_rank" → "effective rank on test images"."""
    if name == ZERO_LOSS:
        return f"{label(name)} over all epochs"
    place = quantity(name).of or ("on test images" if name.startswith(GEOMETRY) else "in the last epoch")
    return f"{label(name)} {place}"


def is_quantile(name: str) -> bool:
    """Whether a quantity is a quantile of the distribution that another one is the mean of."""
    return name[-4:] in _QUANTILES
