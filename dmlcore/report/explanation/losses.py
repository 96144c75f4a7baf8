"""Different losses, miners or margins: what each does in a batch, which of its demands are met, and what it gains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.api.result import LossFacts
from dmlcore.api.values import MarginAxis
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import MISSING, ZERO_LOSS
from dmlcore.report.explanation.claims import Claim
from dmlcore.report.explanation.comparison import pairs_blocks
from dmlcore.report.explanation.effect import Effect, metric_test
from dmlcore.report.explanation.evidence import chosen, recorded_test
from dmlcore.report.explanation.margin import CURVE, NEGATIVE, OVERLAP, POSITIVE
from dmlcore.report.explanation.margin_rule import (
    ACTIVE_NEGATIVES,
    ACTIVE_TRIPLETS,
    gradient_blocks,
    limit_text,
    rule_of,
)
from dmlcore.report.explanation.margin_table import SCALES
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.report.explanation.phrases import where
from dmlcore.report.explanation.recorded_table import recorded_table
from dmlcore.results.evidence import Evidence
from dmlcore.text import listing

Shares = npt.NDArray[np.float64]

POINTS_PER_BIN = 8
"""Cosines at which each bin of a stored density is evaluated."""


def compares_losses(effect: Effect) -> bool:
    """Whether the values of a setting are losses, or options of a loss that its formula or margin shows."""
    facts = {_facts(point) for point in effect.axis.points}
    return effect.axis.path.split(".")[0] == "loss" and len(facts) > 1 and all(each.formula for each in facts)


def loss_comparison(material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return formulas, margins and how far they are met; and the claims about margin, miner and loss."""
    return Mechanism(tuple(_blocks(material, effect)), tuple(_steps(effect)), tuple(pairs_blocks(effect)))


def _facts(point: AxisPoint) -> LossFacts:
    return point.results[0].loss


def _blocks(material: StudyMaterial, effect: Effect) -> Iterator[Block]:
    yield from formula_blocks(effect)
    yield from _meanings(effect)
    yield from _demands(material, effect)
    yield from recorded_table(
        effect.axis,
        (ACTIVE_TRIPLETS, ACTIVE_NEGATIVES, ZERO_LOSS, POSITIVE, NEGATIVE, OVERLAP),
        "Batches and embeddings of each",
    )


def formula_blocks(effect: Effect) -> Iterator[Block]:
    """Return the formula of each loss, if there are several, and the gradient of each term with a margin."""
    rows: dict[str, list[str]] = {}
    for point in effect.axis.points:
        if _facts(point).formula:
            rows.setdefault(_facts(point).formula, []).append(effect.axis.named(point))
    if len(rows) < 2:
        return
    shown = set()
    for formula, names in rows.items():
        yield Text(f"With {'; '.join(names)}:")
        yield Formula(formula)
        rule = next(rule_of(_facts(p)) for p in effect.axis.points if _facts(p).formula == formula)
        if rule and rule.condition not in shown:
            shown.add(rule.condition)
            yield from gradient_blocks(rule)


def _meanings(effect: Effect) -> Iterator[Text]:
    """What the margins mean, if they are of several kinds; and which can't be met."""
    kinds: dict[tuple[MarginAxis, str], list[AxisPoint]] = {}
    for point in effect.axis.points:
        facts = _facts(point)
        if facts.margin is not None and facts.margin_axis and facts.margin_kind:
            kinds.setdefault((facts.margin_axis, facts.margin_kind), []).append(point)
    if len(kinds) > 1:
        meanings = "; ".join(
            f"{listing(dict.fromkeys(_facts(point).name for point in points))}: {listing(map('{:g}'.format, margins))}"
            f" as a {kind} on the {SCALES[axis][0]}"
            for (axis, kind), points in kinds.items()
            if (margins := _margins_of(points))
        )
        yield Text(
            f"The margins have different meanings ({meanings}). On the unit sphere d² = 2 − 2s: a threshold of 0.5 on"
            " the cosine is the distance 1, but a difference of two distances has no cosine. A number that is best as"
            " the one need not be good as the other."
        )
    for (_, kind), points in kinds.items():
        if kind == "difference" and (rule := rule_of(_facts(points[0]))):
            yield limit_text(rule, _margins_of(points), points[0].results[0].protocol["train_classes"])


def _margins_of(points: Sequence[AxisPoint]) -> list[float]:
    """The margins of several values, each once."""
    margins = [_facts(point).margin for point in points]
    return list(dict.fromkeys(margin for margin in margins if margin is not None))


def _demands(material: StudyMaterial, effect: Effect) -> Iterator[Table]:
    """Which share of the pairs or triplets of unseen classes meets each margin, before and after training."""
    rows = []
    for point in effect.axis.points:
        facts = _facts(point)
        if facts.margin is None or not facts.margin_axis or not facts.margin_kind or rule_of(facts) is None:
            continue
        before = _mean_share(facts, [material.untrained_evidence(result) for result in point.results])
        after = _mean_share(facts, [material.evidence(result) for result in point.results])
        if before != MISSING or after != MISSING:
            kind = f"{facts.margin_kind} on the {SCALES[facts.margin_axis][0]}"
            rows.append((effect.axis.named(point), kind, f"{facts.margin:g}", before, after))
    if rows:
        yield Table(
            ("loss", "margin as", "margin", "met, untrained", "met, trained"),
            tuple(rows),
            "Share of unseen negative pairs or triplets that meet the margin",
            (
                "From the stored densities of the cosines of test pairs. Of a threshold: the negative pairs beyond it."
                " Of a difference: pairs of a positive and a negative pair, drawn independently, that differ by it.",
            ),
            words=2,
        )


def _mean_share(facts: LossFacts, found: Sequence[Evidence | None]) -> str:
    evidence = [each for each in found if each is not None and each.positive_density.any()]
    if len(evidence) < len(found) or facts.margin_axis is None or facts.margin is None:
        return MISSING
    shares = [met(each, facts.margin, facts.margin_axis, facts.margin_kind == "difference") for each in evidence]
    return f"{fmean(shares):.0%}"


def met(evidence: Evidence, margin: float, axis: MarginAxis, difference: bool) -> float:
    """Return the share of negative pairs beyond a threshold, or of positive and negative pairs that differ by it.

    A positive and a negative pair are drawn independently; within a bin of the densities, cosines count as uniform.
    """
    edges = evidence.similarity_edges
    inside = (np.arange(POINTS_PER_BIN) + 0.5) / POINTS_PER_BIN
    cosines = (edges[:-1, None] + np.diff(edges)[:, None] * inside).ravel()
    near = cosines if axis == "cosine" else -np.array([SCALES[axis][2](float(s)) for s in cosines])  # larger: nearer
    positives, negatives = (_weights(density) for density in (evidence.positive_density, evidence.negative_density))
    if not difference:
        limit = margin if axis == "cosine" else -margin
        return float(negatives[near <= limit].sum())
    below = np.concatenate([[0.0], np.cumsum(negatives)])
    counts = np.searchsorted(near, near - margin, side="right")
    return float(positives @ below[counts])


def _weights(density: Shares) -> Shares:
    weights: Shares = np.repeat(density, POINTS_PER_BIN) / (POINTS_PER_BIN * density.sum())
    return weights


def _steps(effect: Effect) -> Iterator[Step]:
    yield from _families(effect)
    yield _overlap(effect)
    for one, other in permutations(effect.axis.points, 2):
        changed = _changed(one, other)
        if changed == {"margin"} and _demands_more(_facts(one), _facts(other)):
            yield from _margins(effect, one, other)
        elif changed == {"miner"} and "miner" not in _table(other):
            yield from _mining(effect, one, other)


def _demands_more(one: LossFacts, other: LossFacts) -> bool:
    """Whether the first of two margins is the larger difference."""
    return one.margin_kind == "difference" and (one.margin or 0.0) > (other.margin or 0.0)


def _table(point: AxisPoint) -> Mapping[str, Any]:
    """The options of the loss that are set."""
    table: Mapping[str, Any] = point.results[0].settings["loss"]
    return {key: value for key, value in table.items() if value is not None}


def _changed(one: AxisPoint, other: AxisPoint) -> set[str]:
    """The options in which two losses differ."""
    a, b = _table(one), _table(other)
    return {key for key in {*a, *b} if a.get(key) != b.get(key)}


def _mining(effect: Effect, mined: AxisPoint, everything: AxisPoint) -> Iterator[Step]:
    named, rest = where(effect.axis, mined), where(effect.axis, everything)
    triplets = rule_of(_facts(mined))
    share = triplets.share if triplets else ACTIVE_TRIPLETS
    subject = triplets.subject if triplets else "triplet"
    yield Step(
        "batch",
        f"A miner picks some of the {subject}s that violate the margin, so fewer have a gradient",
        "definition",
        Claim(
            f"a smaller share of {subject}s is active {named} than {rest}",
            (recorded_test(effect.axis, share, mined, everything, -1),),
        ),
    )
    yield Step(
        "metric",
        "Picking triplets that violate the margin speeds up convergence; semi-hard ones avoid a collapse to one point",
        "Schroff et al., 2015",
        Claim(f"{effect.name} is higher {named} than {rest}", (metric_test(effect, mined, everything, 1),)),
    )


def _margins(effect: Effect, large: AxisPoint, small: AxisPoint) -> Iterator[Step]:
    at_large, at_small = where(effect.axis, large), where(effect.axis, small)
    rule = rule_of(_facts(large))
    if rule:
        yield Step(
            "batch",
            f"The larger the difference that the margin demands, the more {rule.subject}s violate it",
            "the formula",
            Claim(
                f"a larger share of {rule.subject}s is active {at_large} than {at_small}",
                (recorded_test(effect.axis, rule.share, large, small, 1),),
            ),
        )
    yield Step(
        "metric",
        "As a difference of Euclidean distances, small margins are best: MAP@R 0.422 at 0.05–0.1, 0.369 at 0.4–0.5",
        CURVE,
        Claim(f"{effect.name} is lower {at_large} than {at_small}", (metric_test(effect, small, large, 1),)),
    )


def _families(effect: Effect) -> Iterator[Step]:
    """The best value against every value with another loss."""
    best = effect.highest
    others = [point for point in effect.axis.points if _facts(point).name != _facts(best).name]
    if not others:
        return
    tests = tuple(chosen(metric_test(effect, best, point, 1), len(effect.axis.points)) for point in others)
    names = listing(dict.fromkeys(_facts(point).name for point in others))
    than = where(effect.axis, others[0]) if len(others) == 1 else f"with every value that has the loss {names}"
    yield Step(
        "metric",
        "Most losses perform alike if all are tuned with the same effort",
        CURVE,
        Claim(f"{effect.name} is higher {where(effect.axis, best)} than {than}", tests),
    )


def _overlap(effect: Effect) -> Step:
    high, low = effect.highest, effect.lowest
    test = recorded_test(effect.axis, OVERLAP, high, low, -1)
    claim = Claim(
        f"negatives are less often more similar than positives {where(effect.axis, high)} than"
        f" {where(effect.axis, low)}",
        (chosen(test, math.comb(len(effect.axis.points), 2)),),
    )
    return Step("geometry", "A query fails where a negative is more similar than its positives", "definition", claim)
