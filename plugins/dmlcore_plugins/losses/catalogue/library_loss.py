"""What the losses of pytorch-metric-learning share: their options, as classes to inherit from, and the one `build`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import degrees
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import frozen

from dmlcore import (
    DistanceConfig,
    LossConfig,
    LossContext,
    MarginAxis,
    MinerConfig,
    ReducerConfig,
    RegularizerConfig,
    StudyError,
    option,
)
from dmlcore_plugins.losses.catalogue.adapted import Adapted
from dmlcore_plugins.losses.catalogue.conflicts import DISTANCES, conflicts, margin_for_miner
from dmlcore_plugins.losses.catalogue.distances import Cosine, DotProduct, Lp
from dmlcore_plugins.losses.catalogue.reducers import AvgNonZero, Divisor, Mean
from dmlcore_plugins.losses.catalogue.refusals import REFUSED
from dmlcore_plugins.losses.distances import Distance
from dmlcore_plugins.losses.miners import built_miner

if TYPE_CHECKING:
    import torch

COSINE = ("cosine",)
SIMILARITIES = ("cosine", "dot_product")
LP = ("lp",)
POS_AND_NEG = ("pos_loss", "neg_loss")
"""The parts of a loss that reduces positives and negatives separately."""

Terms = Literal["image", "pair", "triplet", "proxy", "one number"]
"""What a loss has a term for, before a reducer makes them one number."""

WeightInit = Literal[
    "normal", "uniform", "xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "orthogonal"
]
"""A function of `torch.nn.init` with its own defaults."""

AXES: Mapping[tuple[str, float], Distance] = {
    ("cosine", 1): "cosine",
    ("dot_product", 1): "cosine",
    ("lp", 1): "euclidean",
    ("lp", 2): "squared_euclidean",
}
"""Distance and its power → what it measures on the unit sphere."""

REDUCER = "reduces the terms to one number"
DISTANCE = "how two embeddings are compared"
WEIGHT_INIT = "function of torch.nn.init that draws the weights; default"


@frozen
class Memory:
    """Embeddings of past batches, which the images of a batch are also compared with (Wang et al., 2020)."""

    size: int = option(1024, ge=2, unit="embeddings", help="number of embeddings; at least a batch")
    miner: MinerConfig | None = option(None, help="selects pairs of batch and memory; default: all count")


@frozen(slots=False)
class LibraryLoss(Adapted, LossConfig):
    """A loss of pytorch-metric-learning; a subclass is its options and what it can be combined with."""

    refused = REFUSED
    distances: ClassVar[tuple[str, ...]] = DISTANCES
    """Which of the library's distances it takes."""
    distance_needs: ClassVar[Mapping[str, object]] = {}
    """Options that its distance must have."""
    terms: ClassVar[Terms] = "image"
    parts: ClassVar[tuple[str, ...]] = ("loss",)
    """Its parts, each of which may have its own reducer."""
    gives_divisor: ClassVar[bool] = False
    """Whether it gives the number that the reducer "divisor" divides by."""
    learns_classes: ClassVar[bool] = False
    """Whether it takes the number of classes, and learns weights for each."""
    similarity_formula: ClassVar[str] = ""
    """Its formula if there is one for similarities alone."""
    measured_formula: ClassVar[str] = ""
    """Its formula for both: μ is s or d, ± is − for a distance, and [a | b] is how much farther a is than b."""

    embedding_regularizer: RegularizerConfig | None = option(None, help="added for the embeddings; default: nothing")
    embedding_reg_weight: float = option(1.0, gt=0, help="factor of the embedding regularizer")

    @property
    def formula(self) -> str:
        if self.similarity_formula:
            return self.similarity_formula if self.larger_is_nearer else ""
        measure, sign, farther = ("s", "", r"\2 - \1") if self.larger_is_nearer else ("d", "-", r"\1 - \2")
        return re.sub(r"\[(.+?) \| (.+?)\]", farther, self.measured_formula).replace("μ", measure).replace("±", sign)

    @property
    def compares_by(self) -> Distance | None:
        """What its distance measures, if that is one of the axes that a margin may have."""
        distance = self._distance
        if getattr(distance, "p", 2) != 2 or not getattr(distance, "normalize_embeddings", True):
            return None
        return AXES.get((distance.name, getattr(distance, "power", 1)))

    @property
    def margin_axis(self) -> MarginAxis | None:
        return self.compares_by if self.margin_kind else None

    @property
    def larger_is_nearer(self) -> bool | None:
        """Whether it compares by a similarity; None if another plugin's distance does not say."""
        return getattr(self._distance, "is_inverted", None)

    @property
    def _distance(self) -> DistanceConfig:
        """Its distance; a loss without that option compares by cosine."""
        return getattr(self, "distance", Cosine())

    @property
    def centers_of_a_class(self) -> int:
        """How many rows of its weights belong to one class."""
        return 1

    def problems(self) -> Iterator[str]:
        return conflicts(self)

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → loss (); see LossConfig.build.

        Raises StudyError if the library does not take what another plugin built for one of the tables.
        """
        from dmlcore_plugins.losses.catalogue.library_module import LibraryModule, Remembering

        of_loss = self.compares_by, margin_for_miner(self)
        memory: Memory | None = getattr(self, "memory", None)
        try:
            loss = super().build(context)
        except AssertionError as error:
            raise StudyError(f"The loss {self.name!r} can't be built with these settings: {error}.") from None
        if memory is not None:
            loss = Remembering(loss, context.embedding_dim, memory.size, built_miner(memory.miner, context, *of_loss))
        classes = context.num_classes if self.learns_classes else None
        return LibraryModule(self.name, loss, built_miner(getattr(self, "miner", None), context, *of_loss), classes)

    def class_vectors(self, loss: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor] | None:
        """The weights (P, D) of a loss that learns classes, and the class (P,) of each."""
        if not self.learns_classes:
            return None
        import torch

        weights: torch.Tensor = loss.class_weights  # type: ignore[assignment]  # torch types attributes as modules
        return weights, torch.arange(len(weights)) // self.centers_of_a_class

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """Arguments of the library's class: miner and memory are around it."""
        arguments = super().arguments(context)
        for outside in ("miner", "memory"):
            arguments.pop(outside, None)
        if self.learns_classes:
            arguments |= {"num_classes": context.num_classes, "embedding_size": context.embedding_dim}
        return arguments


@frozen(slots=False)
class ByCosine:
    """Compares by the cosine unless the study sets another distance."""

    distance: DistanceConfig = option(Cosine(), help=DISTANCE, omit_if_default=True)


@frozen(slots=False)
class ByDotProduct:
    """Compares by the dot product of normalized embeddings by default."""

    distance: DistanceConfig = option(DotProduct(), help=DISTANCE, omit_if_default=True)


@frozen(slots=False)
class ByEuclidean:
    """Compares by the Euclidean distance by default."""

    distance: DistanceConfig = option(Lp(), help=DISTANCE, omit_if_default=True)


@frozen(slots=False)
class BySquaredEuclidean:
    """Compares by the squared Euclidean distance by default."""

    distance: DistanceConfig = option(Lp(power=2.0), help=DISTANCE, omit_if_default=True)


@frozen(slots=False)
class Averaged:
    """The mean of the terms by default."""

    reducer: ReducerConfig = option(Mean(), help=REDUCER, omit_if_default=True)


@frozen(slots=False)
class AveragedAboveZero:
    """The mean of the terms above zero by default."""

    reducer: ReducerConfig = option(AvgNonZero(), help=REDUCER, omit_if_default=True)


@frozen(slots=False)
class Divided:
    """The sum of the terms divided by the loss's own number by default."""

    reducer: ReducerConfig = option(Divisor(), help=REDUCER, omit_if_default=True)


@frozen(slots=False)
class Mined:
    """Computes what a miner selects."""

    miner: MinerConfig | None = option(None, help="selects the pairs or triplets that count; default: all of the batch")


@frozen(slots=False)
class Weighed:
    """Has a term for each image, which a miner can weigh."""

    miner: MinerConfig | None = option(None, help="weighs images by how often it picks them, the most picked by 1")


@frozen(slots=False)
class Remembered(Mined):
    """Can compare a batch with past ones."""

    memory: Memory | None = option(None, help="past embeddings that the batch is also compared with; default: none")


class DegreeMargin(LibraryLoss):
    """A margin on an angle, in degrees where the paper has radians."""

    margin_axis = "degrees"
    margin_kind = "difference"
    radians_below: ClassVar[float] = 1.6
    """Smaller margins are taken for radians."""

    margin: float

    def problems(self) -> Iterator[str]:
        yield from super().problems()
        if 0 < self.margin < self.radians_below:
            yield (
                f"margin = {self.margin:g} degrees is almost 0; if these are radians, as in the paper, set "
                f"margin = {degrees(self.margin):.3g}"
            )


@frozen(slots=False)
class LearnsClasses(Adapted):
    """Learns a vector, or several, for each training class."""

    learns_classes: ClassVar[bool] = True
    needs_positives: ClassVar[bool] = False
    needs_negatives: ClassVar[bool] = False

    weight_regularizer: RegularizerConfig | None = option(None, help="added for the learned weights; default: nothing")
    weight_reg_weight: float = option(1.0, gt=0, help="factor of the weight regularizer")
    weight_init_func: WeightInit | None = option(None, help=f"{WEIGHT_INIT}: normal")

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """The function that draws the weights."""
        arguments = super().arguments(context)
        if self.weight_init_func is not None:
            from torch.nn import init

            arguments["weight_init_func"] = getattr(init, f"{self.weight_init_func}_")
        return arguments
