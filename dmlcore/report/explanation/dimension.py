"""The embedding dimension: how many of the dimensions are used, and where more of them stop helping."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Formula, Text
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import GEOMETRY, label, number
from dmlcore.report.explanation.claims import Claim
from dmlcore.report.explanation.effect import Effect, metric_test
from dmlcore.report.explanation.evidence import chosen, recorded_test
from dmlcore.report.explanation.margin_rule import ACTIVE_NEGATIVES
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import difference, where
from dmlcore.report.explanation.recorded_table import recorded_table
from dmlcore.text import byte_size

RANK = f"{GEOMETRY}effective_rank"
AXES = f"{GEOMETRY}dimensions_for_90_percent"
OVERLAP = f"{GEOMETRY}similarity_overlap"

BYTES = 4
"""Of a number of an embedding (float32)."""

IMAGES = 1_000_000
"""For which the memory is given."""


def dimension_use(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return what more dimensions do: more directions, if the network uses them."""
    return Mechanism(tuple(_blocks(effect)), tuple(_steps(effect)), tuple(moved_blocks(effect)), _summary(effect))


def _blocks(effect: Effect) -> Iterator[Block]:
    first, last = effect.ends
    classes = first.results[0].protocol["train_classes"]
    yield Text(
        f"The dimension D does not appear in the loss; it limits in how many directions embeddings can differ. The"
        f" centers of C = {classes} training classes differ in at most C − 1 = {classes - 1}. The cosine of two random"
        " unit vectors has mean 0 and variance 1/D, so more dimensions make unrelated images more nearly orthogonal."
        f" Memory and the time of a search grow with D: an image takes {BYTES} D bytes, a million images"
        f" {byte_size(_memory(first))} with {first.label} dimensions and {byte_size(_memory(last))} with {last.label}."
    )
    yield Formula(r"s_{ij} = \sum_{k=1}^{D} z_{ik} z_{jk},\qquad \mathrm{rank}(Z) \leq D")
    if len(effect.axis.having(RANK)) < 2:
        yield Text(
            f"The spectrum of the embeddings was recorded at {len(effect.axis.having(RANK))} of"
            f" {len(effect.axis.points)} dimensions, so whether the added dimensions are used is unknown."
        )
    else:
        yield Text(
            f"The {label(RANK)} measures how many dimensions the embeddings use: with p the shares of the variance"
            " along the D principal axes, it is the number of equal shares with the same entropy (Roy and Vetterli,"
            " 2007)."
        )
        yield Formula(r"\mathrm{erank} = \exp\left(-\sum_k p_k \,\ln p_k\right)")
    yield from recorded_table(effect.axis, (RANK, AXES, ACTIVE_NEGATIVES, OVERLAP), "Dimensions offered and used")


def _memory(point: AxisPoint) -> int:
    return round(BYTES * point.number * IMAGES)


def _summary(effect: Effect) -> str:
    """How much is used of the first and last dimension, in numbers."""
    points = effect.axis.having(RANK)
    if len(points) < 2:
        return ""
    used = [f"{number(p.recorded[RANK].mean)} of {p.label} dimensions" for p in (points[0], points[-1])]
    return f"The embeddings use {used[0]} and {used[1]} ({label(RANK)})."


def _steps(effect: Effect) -> Iterator[Step]:
    first, last = effect.ends
    at_first, at_last = where(effect.axis, first), where(effect.axis, last)
    yield Step(
        "batch",
        "In more dimensions unrelated images are more nearly orthogonal, so fewer negative pairs are inside a margin",
        "Wu et al., 2017",
        Claim(
            f"a smaller share of negative pairs is active {at_last} than {at_first}",
            (recorded_test(effect.axis, ACTIVE_NEGATIVES, last, first, -1),),
        ),
    )
    yield Step(
        "geometry",
        "Embeddings that spread over more directions generalize better to unseen classes",
        "Roth et al., 2020",
        Claim(
            f"the embeddings use more directions {at_last} than {at_first}",
            (recorded_test(effect.axis, RANK, last, first, 1),),
        ),
        _summary(effect),
    )
    yield Step(
        "metric",
        "Recall@1 on CUB-200 rises by 8.3 points from 64 to 512 dimensions, elsewhere by 4.8 from 128 to 512",
        "Wang et al., 2019; Zhai and Wu, 2019",
        Claim(f"{effect.name} is higher {at_last} than {at_first}", (metric_test(effect, last, first, 1),)),
        _enough(effect),
    )
    smaller = effect.axis.points[:-1]
    best = max(smaller, key=lambda point: effect.sample(point).mean)
    yield Step(
        "metric",
        "Dimensions in which all embeddings are 0 change no cosine, so they neither help nor hurt",
        "the formula",
        Claim(
            f"more dimensions hurt: {effect.name} is lower {at_last} than {where(effect.axis, best)}",
            (chosen(metric_test(effect, best, last, 1), len(smaller)),),
        ),
    )


def _enough(effect: Effect) -> str:
    """The smallest dimension that is not significantly worse than the best, as a number."""
    smallest = min([effect.highest, *effect.alike], key=lambda point: point.number)
    if smallest is effect.highest or smallest.label not in effect.below:
        return f"No smaller dimension than {effect.highest.label} is without a significant deficit to it."
    deficit = difference(effect.below[smallest.label])
    return (
        f"The smallest dimension without a significant deficit to the best, {effect.highest.label}, is"
        f" {smallest.label} ({deficit}), which does not show that both are equal."
    )
