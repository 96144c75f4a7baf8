"""The embedding dimension: how many of the available dimensions are used, and whether that is what helps."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Formula, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import GEOMETRY, label, number
from dmlcore.report.explanation.claims import Claim
from dmlcore.report.explanation.effect import Effect, metric_test
from dmlcore.report.explanation.evidence import recorded_test
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import course, courses

RANK = f"{GEOMETRY}effective_rank"
AXES = f"{GEOMETRY}dimensions_for_90_percent"


def dimension_use(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return what more dimensions do: more directions, if the network uses them."""
    return Mechanism(tuple(_spectrum(effect)), tuple(_steps(effect)), tuple(moved_blocks(effect)))


def _spectrum(effect: Effect) -> Iterator[Block]:
    points = effect.axis.having(RANK)
    if len(points) < 2:
        yield Text(
            f"The spectrum of the embeddings was recorded at {len(points)} of {len(effect.axis.points)} dimensions, so"
            " whether the added dimensions are used is unknown."
        )
        return
    yield Text(
        f"The {label(RANK)} measures how many dimensions the embeddings use: with p the shares of the variance along"
        " the principal axes, it is the number of equal shares with the same entropy (Roy and Vetterli, 2007)."
    )
    yield Formula(r"\mathrm{erank} = \exp\left(-\sum_i p_i \,\ln p_i\right)")
    shares = " and ".join(
        f"{number(p.recorded[RANK].mean)} of {p.label} dimensions ({p.recorded[RANK].mean / p.number:.0%})"
        for p in (points[0], points[-1])
    )
    yield Text(f"{course(effect.axis, RANK)} That is {shares}.")
    yield from courses(effect.axis, AXES)


def _steps(effect: Effect) -> Iterator[Step]:
    first, last = effect.ends
    yield Step(
        "geometry",
        "A larger embedding separates more directions",
        "Roth et al., 2020",
        Claim(
            "with more dimensions, the embeddings use more directions",
            (recorded_test(effect.axis, RANK, last, first, 1),),
        ),
    )
    yield Step(
        "metric",
        "Retrieval of unseen classes rises with the dimension",
        "Wang et al., 2019",
        Claim(f"with more dimensions, {effect.name} is higher", (metric_test(effect, last, first, 1),)),
    )
