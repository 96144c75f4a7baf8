"""What the losses of pytorch-metric-learning share: the tables that a study may write, and what goes with what.

Each loss is a class of its own; here are the options that many of them have, and the one way in which all are built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import attrs
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
from dmlcore_plugins.losses.catalogue.distances import built_distance
from dmlcore_plugins.losses.catalogue.reducers import built_reducer
from dmlcore_plugins.losses.miners import TripletMargin

if TYPE_CHECKING:
    import torch

LIBRARY = ("pytorch-metric-learning",)

DISTANCES = ("cosine", "dot_product", "lp", "snr")
"""The distances of the library; any other is another plugin's, and the library itself looks at what it gives."""

COSINE = ("cosine",)
SIMILARITIES = ("cosine", "dot_product")
LP = ("lp",)

POS_AND_NEG = ("pos_loss", "neg_loss")
"""The parts of a loss that reduces positives and negatives apart."""

Terms = Literal["image", "pair", "triplet", "proxy", "one number"]
"""What a loss has a term for, before a reducer makes them one number."""

WeightInit = Literal[
    "normal", "uniform", "xavier_normal", "xavier_uniform", "kaiming_normal", "kaiming_uniform", "orthogonal"
]
"""A function of `torch.nn.init` with its own defaults."""


@frozen
class Memory:
    """Embeddings of past batches, which the images of a batch are compared with too (Wang et al., 2020)."""

    size: int = option(1024, ge=2, unit="embeddings", help="how many are kept; at least a batch")
    miner: MinerConfig | None = option(None, help="which pairs of batch and memory count; left out: all")


def distance_option(default: str) -> Any:
    """The option `distance` of a loss."""
    return option(None, help=f"what two embeddings are compared by; left out: {default}")


def reducer_option(default: str = "mean") -> Any:
    """The option `reducer` of a loss."""
    return option(None, help=f'how the terms become one number; left out: "{default}"')


def miner_option() -> Any:
    """The option `miner` of a loss that computes what a miner picks."""
    return option(None, help="which pairs or triplets count; left out: all of the batch")


def weighing_miner_option() -> Any:
    """The option `miner` of a loss that has a term an image."""
    return option(None, help="each image counts by how often it is picked, the most picked fully; left out: all fully")


def memory_option() -> Any:
    """The option `memory` of a loss that can compare a batch with past ones."""
    return option(None, help="past embeddings that the batch is compared with too; left out: none")


def embedding_regularizer_option() -> Any:
    """The option `embedding_regularizer` of a loss."""
    return option(None, help="what is added for the embeddings; left out: nothing")


def weight_regularizer_option() -> Any:
    """The option `weight_regularizer` of a loss that learns weights."""
    return option(None, help="what is added for the weights that the loss learns; left out: nothing")


def regularizer_weight_option(what: str) -> Any:
    """The factor of a regularizer."""
    return option(1.0, gt=0, help=f"what the {what} regularizer is multiplied by")


def weight_init_option(default: str) -> Any:
    """The option `weight_init_func` of a loss that learns weights."""
    return option(None, help=f"how the weights are drawn, by torch.nn.init; left out: {default}")


@frozen
class LibraryLoss(LossConfig):
    """A loss of pytorch-metric-learning; a subclass is its options and what it can be combined with."""

    adapts: ClassVar[str]
    """The class that it is, such as losses.CircleLoss."""
    libraries = LIBRARY
    distances: ClassVar[tuple[str, ...]] = DISTANCES
    """Which of the library's distances it takes."""
    distance_needs: ClassVar[Mapping[str, object]] = {}
    """Options that its distance must have."""
    default_distance: ClassVar[MarginAxis | None] = "euclidean"
    """What it compares by where the study names no distance; None where that is none of these."""
    terms: ClassVar[Terms]
    parts: ClassVar[tuple[str, ...]] = ("loss",)
    """Its parts, each of which may have a reducer of its own."""
    gives_divisor: ClassVar[bool] = False
    """Whether it says what the reducer "divisor" divides by."""
    learns_classes: ClassVar[bool] = False
    """Whether it is told the number of classes, and learns weights for each."""

    def __attrs_post_init__(self) -> None:
        for problem in self.problems():
            raise ValueError(problem)

    def problems(self) -> Iterator[str]:
        """What does not go together; each a sentence that says what to write instead."""
        yield from self._distance_problems()
        yield from self._reducer_problems()
        yield from self._miner_problems()
        yield from self._regularizer_problems()

    @property
    def compares_by(self) -> MarginAxis | None:
        """What its distance measures, where that is one of the axes that a margin may have."""
        distance = getattr(self, "distance", None)
        return self.default_distance if distance is None else axis_of(distance)

    @property
    def larger_is_nearer(self) -> bool | None:
        """Whether it compares by a similarity; None where another plugin's distance does not say."""
        distance = getattr(self, "distance", None)
        if distance is None:
            return self.default_distance == "cosine"
        return getattr(distance, "is_inverted", None)

    @property
    def centers_of_a_class(self) -> int:
        """How many rows of its weights belong to one class."""
        return 1

    def build(self, context: LossContext) -> torch.nn.Module:
        """embeddings (B, D), labels (B,) → loss (); see LossConfig.build.

        Raises StudyError where the library does not take what another plugin gave for one of the tables.
        """
        from dmlcore_plugins.losses.catalogue.library_module import LibraryModule, Remembering, library_class

        miner: MinerConfig | None = getattr(self, "miner", None)
        memory: Memory | None = getattr(self, "memory", None)
        try:
            loss = library_class(self.adapts)(**self.arguments(context))
        except AssertionError as error:
            raise StudyError(f"The loss {self.name!r} can't be made with these settings: {error}.") from None
        if memory is not None:
            loss = Remembering(loss, context.embedding_dim, memory.size, self._built_miner(memory.miner, context))
        classes = context.num_classes if self.learns_classes else None
        return LibraryModule(self.name, loss, self._built_miner(miner, context), classes)

    def arguments(self, context: LossContext) -> dict[str, Any]:
        """What the library's class is called with."""
        given = {attribute.name: getattr(self, attribute.name) for attribute in attrs.fields(type(self))}
        given = {name: value for name, value in given.items() if name not in ("miner", "memory")}
        arguments = {name: _built(value, context) for name, value in given.items() if value is not None}
        if (init := given.get("weight_init_func")) is not None:
            from dmlcore_plugins.losses.catalogue.library_module import initializer

            arguments["weight_init_func"] = initializer(init)
        if self.learns_classes:
            arguments |= {"num_classes": context.num_classes, "embedding_size": context.embedding_dim}
        return arguments

    def _built_miner(self, miner: MinerConfig | None, context: LossContext) -> torch.nn.Module | None:
        """The miner's module, with what it takes from the loss."""
        if isinstance(miner, TripletMargin):
            axis = miner.distance or self.compares_by
            assert axis is not None
            assert axis != "degrees"
            miner = miner.of_loss(axis, self._margin_for_miner)
        return None if miner is None else miner.build(context)

    @property
    def _margin_for_miner(self) -> float | None:
        difference = self.margin_kind == "difference" and self.margin_axis == self.compares_by
        return getattr(self, "margin", None) if difference else None

    def _distance_problems(self) -> Iterator[str]:
        distance: DistanceConfig | None = getattr(self, "distance", None)
        if distance is None:
            return
        if distance.name in DISTANCES and distance.name not in self.distances:
            yield (
                f'the loss "{self.name}" can\'t compare by distance "{distance.name}"; '
                f"use {_either(self.distances)}, or leave the distance out"
            )
        for key, needed in self.distance_needs.items():
            found = getattr(distance, key, needed)
            if found != needed:
                yield (
                    f'the loss "{self.name}" needs a distance with {key} = {_toml(needed)}, not {_toml(found)}; '
                    "change it in the table of the distance"
                )

    def _reducer_problems(self) -> Iterator[str]:
        reducer: ReducerConfig | None = getattr(self, "reducer", None)
        if reducer is None:
            return
        for part in getattr(reducer, "parts", ()):
            if part not in self.parts:
                which = f"its parts are {', '.join(self.parts)}" if len(self.parts) > 1 else "it has one part only"
                yield (
                    f'the reducer "{reducer.name}" sets {part}, which the loss "{self.name}" has not: {which}; set one '
                    "of its own, or use a single reducer"
                )
        for inner in _with_inner(reducer):
            yield from self._single_reducer_problems(inner.name)

    def _single_reducer_problems(self, name: str) -> Iterator[str]:
        instead = 'use "mean", "sum", "avg_non_zero" or "threshold"'
        if name == "divisor" and not self.gives_divisor:
            yield f'the reducer "divisor" divides by a number that the loss "{self.name}" does not give; {instead}'
        if name == "per_anchor" and self.terms == "triplet":
            yield f'the reducer "per_anchor" is for pairs, and the loss "{self.name}" has terms of triplets; {instead}'
        if name == "per_anchor" and self.terms == "pair" and getattr(self, "memory", None) is not None:
            yield (
                'the reducer "per_anchor" is for the pairs of a batch, and memory pairs it with past embeddings; '
                f"{instead}, or leave memory out"
            )
        if name == "class_weighted" and self.terms == "proxy":
            yield (
                f'the reducer "class_weighted" weighs images by their class, and the terms of the loss "{self.name}" '
                f"belong to proxies; {instead}"
            )

    def _miner_problems(self) -> Iterator[str]:
        memory: Memory | None = getattr(self, "memory", None)
        miner: MinerConfig | None = getattr(self, "miner", None)
        if miner is not None and memory is not None:
            yield (
                "a miner of the loss picks within the batch, and with memory the library would look its picks up among "
                "the past embeddings; write it as the miner of the table memory"
            )
        if memory is not None and memory.miner is not None and memory.miner.name == "embeddings_packaged_as_triplets":
            yield (
                f'the miner "{memory.miner.name}" takes the triplets of a batch as they come, and finds none in a '
                "memory; leave memory out, or use another miner"
            )
        for mines in (miner, memory.miner if memory else None):
            if isinstance(mines, TripletMargin):
                yield from self._triplet_margin_problems(mines)

    def _triplet_margin_problems(self, miner: TripletMargin) -> Iterator[str]:
        if miner.lacks_margin and self._margin_for_miner is None:
            yield (
                f'the miner "{miner.name}" with triplets = "{miner.triplets}" needs a margin between positives and '
                "negatives, and this loss has none that it could take; set miner.margin, such as 0.1"
            )
        if miner.distance is None and self.compares_by in (None, "degrees"):
            yield (
                f'the miner "{miner.name}" can\'t compare by the distance of this loss; set miner.distance, such as '
                '"euclidean"'
            )

    def _regularizer_problems(self) -> Iterator[str]:
        for subject in ("embedding", "weight"):
            regularizer: RegularizerConfig | None = getattr(self, f"{subject}_regularizer", None)
            weight: float = getattr(self, f"{subject}_reg_weight", 1.0)
            if regularizer is None:
                if weight != 1:
                    yield f"{subject}_reg_weight = {weight:g} weighs no regularizer; add {subject}_regularizer"
                continue
            of = getattr(regularizer, "of", (f"{subject}s",))
            if f"{subject}s" not in of:
                yield self._wrong_subject(regularizer.name, of[0])
            centers = getattr(regularizer, "centers_per_class", self.centers_of_a_class)
            if centers != self.centers_of_a_class:
                yield (
                    f'the regularizer "{regularizer.name}" is for {centers} centres a class, and the loss '
                    f'"{self.name}" learns {self.centers_of_a_class}; '
                    + ("make them the same" if self.centers_of_a_class > 1 else 'use it in the loss "soft_triple"')
                )

    def _wrong_subject(self, regularizer: str, subject: str) -> str:
        other = f"{subject.removesuffix('s')}_regularizer"
        if hasattr(self, other):
            return f'the regularizer "{regularizer}" is for {subject}; write it as {other}'
        return f'the regularizer "{regularizer}" is for {subject}, and the loss "{self.name}" learns none; leave it out'


def _built(value: Any, context: LossContext) -> Any:
    """The library's object of a table; any other value as it is."""
    match value:
        case DistanceConfig():
            return built_distance(value, context)
        case ReducerConfig():
            return built_reducer(value, context)
        case RegularizerConfig():
            return value.build(context)
    return value


def _with_inner(reducer: ReducerConfig) -> Iterator[ReducerConfig]:
    """The reducer, and those that it is made of."""
    yield reducer
    for attribute in attrs.fields(type(reducer)):
        inner = getattr(reducer, attribute.name)
        if isinstance(inner, ReducerConfig):
            yield from _with_inner(inner)


def axis_of(distance: DistanceConfig) -> MarginAxis | None:
    """What a distance of the library measures, where that is one of the axes that a margin may have."""
    euclidean = getattr(distance, "p", 2) == 2 and getattr(distance, "normalize_embeddings", True)
    power = getattr(distance, "power", 1)
    axes: dict[tuple[str, float], MarginAxis] = {
        ("cosine", 1): "cosine",
        ("dot_product", 1): "cosine",
        ("lp", 1): "euclidean",
        ("lp", 2): "squared_euclidean",
    }
    return axes.get((distance.name, power)) if euclidean else None


def _either(names: Sequence[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
