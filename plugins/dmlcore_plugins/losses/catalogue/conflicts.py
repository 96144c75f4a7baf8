"""What the tables of a library loss must fit: its distances, terms, parts and weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from dmlcore import DistanceConfig, MinerConfig, ReducerConfig, RegularizerConfig
from dmlcore_plugins.losses.miners import TripletMargin

if TYPE_CHECKING:
    from dmlcore_plugins.losses.catalogue.library_loss import LibraryLoss, Memory

DISTANCES = ("cosine", "dot_product", "lp", "snr")
"""The distances of the library; the library itself checks any other plugin's."""


def conflicts(loss: LibraryLoss) -> Iterator[str]:
    """What does not go together; each a sentence that says what to write instead."""
    yield from _distance_conflicts(loss)
    yield from _reducer_conflicts(loss)
    yield from _miner_conflicts(loss)
    yield from _regularizer_conflicts(loss)


def margin_for_miner(loss: LibraryLoss) -> float | None:
    """The margin that a miner of triplets can take: a difference, on the axis of the loss's distance."""
    difference = loss.margin_kind == "difference" and loss.margin_axis == loss.compares_by
    return getattr(loss, "margin", None) if difference else None


def _distance_conflicts(loss: LibraryLoss) -> Iterator[str]:
    distance: DistanceConfig | None = getattr(loss, "distance", None)
    if distance is None:
        return
    if distance.name in DISTANCES and distance.name not in loss.distances:
        either = " or ".join(f'"{name}"' for name in loss.distances)
        yield f'the loss "{loss.name}" can\'t compare by distance "{distance.name}"; use {either}'
    for key, needed in loss.distance_needs.items():
        found = getattr(distance, key, needed)
        if found != needed:
            yield (
                f'the loss "{loss.name}" needs a distance with {key} = {str(needed).lower()}, not '
                f"{str(found).lower()}; change it in the table of the distance"
            )


def _reducer_conflicts(loss: LibraryLoss) -> Iterator[str]:
    reducer: ReducerConfig | None = getattr(loss, "reducer", None)
    if reducer is None:
        return
    for part in getattr(reducer, "parts", ()):
        if part not in loss.parts:
            which = f"its parts are {', '.join(loss.parts)}" if len(loss.parts) > 1 else "it has one part only"
            yield (
                f'the reducer "{reducer.name}" sets {part}, but the loss "{loss.name}" has no such part: {which}; '
                "set one of its parts, or use a single reducer"
            )
    names = {inner.name for inner in _with_inner(reducer)}
    instead = 'use "mean", "sum", "avg_non_zero" or "threshold"'
    if "divisor" in names and not loss.gives_divisor:
        yield f'the reducer "divisor" divides by a number that the loss "{loss.name}" does not give; {instead}'
    if "per_anchor" in names and loss.terms == "triplet":
        yield f'the reducer "per_anchor" is for pairs, and the loss "{loss.name}" has terms of triplets; {instead}'
    if "per_anchor" in names and loss.terms == "pair" and getattr(loss, "memory", None) is not None:
        yield (
            'the reducer "per_anchor" is for the pairs of a batch, but with memory the pairs include past embeddings; '
            f"{instead}, or remove memory"
        )
    if "class_weighted" in names and loss.terms == "proxy":
        yield (
            f'the reducer "class_weighted" weighs images by their class, but the terms of the loss "{loss.name}" '
            f"belong to proxies; {instead}"
        )


def _miner_conflicts(loss: LibraryLoss) -> Iterator[str]:
    miner: MinerConfig | None = getattr(loss, "miner", None)
    memory: Memory | None = getattr(loss, "memory", None)
    if miner is not None and memory is not None:
        yield (
            "the miner of a loss selects within the batch, but with memory the library would apply its indices to the "
            "past embeddings; set it as the miner of the table memory"
        )
    if memory is not None and memory.miner is not None and memory.miner.name == "embeddings_packaged_as_triplets":
        yield (
            f'the miner "{memory.miner.name}" takes the triplets of a batch in order, and finds none in a memory; '
            "remove memory, or use another miner"
        )
    for mines in (miner, memory.miner if memory else None):
        if not isinstance(mines, TripletMargin):
            continue
        if mines.lacks_margin and margin_for_miner(loss) is None:
            yield mines.no_margin
        if mines.distance is None and loss.compares_by is None:
            yield (
                f'the miner "{mines.name}" can\'t compare by the distance of this loss; set miner.distance, such as '
                '"euclidean"'
            )


def _regularizer_conflicts(loss: LibraryLoss) -> Iterator[str]:
    for subject in ("embedding", "weight"):
        regularizer: RegularizerConfig | None = getattr(loss, f"{subject}_regularizer", None)
        weight: float = getattr(loss, f"{subject}_reg_weight", 1.0)
        if regularizer is None:
            if weight != 1:
                yield f"{subject}_reg_weight = {weight:g} has no regularizer to weigh; add {subject}_regularizer"
            continue
        of = getattr(regularizer, "of", (f"{subject}s",))
        if f"{subject}s" not in of:
            yield _wrong_subject(loss, regularizer.name, of[0])
        centers = getattr(regularizer, "centers_per_class", loss.centers_of_a_class)
        if centers != loss.centers_of_a_class:
            yield (
                f'the regularizer "{regularizer.name}" is for {centers} centers per class, but the loss '
                f'"{loss.name}" learns {loss.centers_of_a_class}; '
                + ("make them equal" if loss.centers_of_a_class > 1 else 'use it in the loss "soft_triple"')
            )


def _wrong_subject(loss: LibraryLoss, regularizer: str, subject: str) -> str:
    other = f"{subject.removesuffix('s')}_regularizer"
    if hasattr(loss, other):
        return f'the regularizer "{regularizer}" is for {subject}; set it as {other}'
    return f'the regularizer "{regularizer}" is for {subject}, but the loss "{loss.name}" learns none; remove it'


def _with_inner(reducer: ReducerConfig) -> Iterator[ReducerConfig]:
    """The reducer and the reducers in its options."""
    yield reducer
    for attribute in attrs.fields(type(reducer)):
        inner = getattr(reducer, attribute.name)
        if isinstance(inner, ReducerConfig):
            yield from _with_inner(inner)
