"""The margin: how much of a batch it keeps active, and what happens at both ends."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Text
from dmlcore.api.result import LossFacts
from dmlcore.report.content.axis import AxisPoint
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.published import triplet_margin_points
from dmlcore.report.content.quantities import GEOMETRY, TRAINING, ZERO_LOSS, label, typeset
from dmlcore.report.explanation.claims import Claim
from dmlcore.report.explanation.effect import Effect, metric_test
from dmlcore.report.explanation.evidence import chosen, recorded_test
from dmlcore.report.explanation.margin_rule import (
    ACTIVE_NEGATIVES,
    ACTIVE_TRIPLETS,
    Rule,
    gradient_blocks,
    limit_text,
    rule_of,
)
from dmlcore.report.explanation.margin_table import SCALES, margin_table
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import where
from dmlcore.report.explanation.recorded_table import recorded_table
from dmlcore.text import listing

OVERLAP = f"{GEOMETRY}similarity_overlap"
POSITIVE = f"{GEOMETRY}positive_similarity"
NEGATIVE = f"{GEOMETRY}negative_similarity"
SHOWN = (ACTIVE_NEGATIVES, ACTIVE_TRIPLETS, ZERO_LOSS, f"{TRAINING}gradient_norm", POSITIVE, NEGATIVE, OVERLAP)

CURVE = "Musgrave et al., 2020"


def margin_activity(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return what the margin does to the pairs or triplets of a batch, and what that does at both ends."""
    facts = _facts(effect)
    rule = rule_of(facts)
    steps = _steps(effect, rule) if rule else _steps_without_rule(effect)
    return Mechanism(tuple(_blocks(effect, facts, rule)), tuple(steps), tuple(moved_blocks(effect)))


def _facts(effect: Effect) -> LossFacts:
    """The facts that all runs share; those of no loss if they differ, or if this is not the margin of the loss."""
    losses = {
        (result.loss.name, result.loss.formula, result.loss.margin_axis, result.loss.margin_kind)
        for point in effect.axis.points
        for result in point.results
    }
    shared = effect.axis.path == "loss.margin" and len(losses) == 1
    return effect.axis.points[0].results[0].loss if shared else LossFacts("")


def _blocks(effect: Effect, facts: LossFacts, rule: Rule | None) -> Iterator[Block]:
    points = effect.axis.points
    margins = [point.number for point in points]
    if rule:
        yield from gradient_blocks(rule)
        yield limit_text(rule, margins, points[0].results[0].protocol["train_classes"])
    if facts.margin_axis and facts.margin_kind:
        yield margin_table(margins, facts.margin_axis, facts.margin_kind)
    elif facts.margin_axis:
        yield Text(
            f"The loss {facts.name} measures its margin as {SCALES[facts.margin_axis][0]} but does not state whether"
            f" that is a threshold or a difference, so {points[0].label} is not converted to other scales."
        )
    yield from recorded_table(effect.axis, SHOWN, "Batches and embeddings at each margin")
    yield _published(effect, facts)


def _published(effect: Effect, facts: LossFacts) -> Text:
    """The published curve, and how far it can be compared with this study."""
    curve = listing(f"{value:.3f} at {_range(low, high)}" for low, high, value in triplet_margin_points())
    if (facts.margin_axis, facts.margin_kind) == ("euclidean", "difference"):
        same = "The margins of this study are on the same axis; data, network and metric split differ."
    else:
        kind = f"{facts.margin_kind}s on the {SCALES[facts.margin_axis][0]}" if facts.margin_axis else "another margin"
        same = f"The margins of this study are {kind}, so only the shape of the curve can be compared, and no value."
    alike = [point.label for point in effect.axis.points if point in [effect.highest, *effect.alike]]
    flat = f"Here, {len(alike)} of {len(effect.axis.points)} margins are the highest or not significantly below it"
    return Text(
        f"Published for the triplet loss on CUB-200 ({CURVE}), margin as a difference of Euclidean distances, MAP@R on"
        f" validation classes: {curve}. From 0.025 to about 0.15 that is flat, then it falls steadily. {same} {flat}:"
        f" {listing(alike)}."
    )


def _range(low: float, high: float) -> str:
    return typeset(f"{low:g}" if low == high else f"{low:g}–{high:g}")


def _steps(effect: Effect, rule: Rule) -> Iterator[Step]:
    first, last = effect.ends
    strict, lax = (last, first) if rule.stricter == 1 else (first, last)
    at_strict, at_lax = where(effect.axis, strict), where(effect.axis, lax)
    yield Step(
        "batch",
        f"The stricter the margin, the more {rule.subject}s have a gradient",
        "the formula",
        Claim(
            f"a larger share of {rule.subject}s is active {at_strict} than {at_lax}",
            (recorded_test(effect.axis, rule.share, strict, lax, 1),),
        ),
    )
    yield _contraction(effect, rule, strict, lax)
    inner = effect.axis.points[1:-1]
    if not inner:
        claim = Claim(f"{effect.name} is not the same {at_lax} and {at_strict}", (metric_test(effect, lax, strict),))
        yield Step("metric", "MAP@R is flat for small margins and falls for large ones", CURVE, claim)
        return
    yield from _ends(effect, max(inner, key=lambda point: effect.sample(point).mean), strict, lax)


def _contraction(effect: Effect, rule: Rule, strict: AxisPoint, lax: AxisPoint) -> Step:
    """What few active pairs or triplets leave."""
    at_strict, at_lax = where(effect.axis, strict), where(effect.axis, lax)
    apart = recorded_test(effect.axis, NEGATIVE, lax, strict, 1)
    if rule.subject == "triplet":
        return Step(
            "geometry",
            "Triplets that meet the margin have no gradient, so a lax margin leaves negatives nearer",
            "the formula",
            Claim(f"negative pairs are more similar {at_lax} than {at_strict}", (apart,)),
        )
    return Step(
        "geometry",
        "Pulling positive pairs alone collapses the embeddings; only active negatives keep them apart",
        "Hadsell et al., 2006",
        Claim(
            f"both positive and negative pairs are more similar {at_lax} than {at_strict}",
            (recorded_test(effect.axis, POSITIVE, lax, strict, 1), apart),
        ),
    )


def _ends(effect: Effect, best: AxisPoint, strict: AxisPoint, lax: AxisPoint) -> Iterator[Step]:
    """Both ends against the best inner margin, which was chosen from all inner ones."""
    at_strict, at_lax, at_best = (where(effect.axis, point) for point in (strict, lax, best))
    tried = len(effect.axis.points) - 2
    yield Step(
        "geometry",
        "A query fails where a negative is more similar than its positives",
        "definition of the metric",
        Claim(
            f"negatives are more similar than positives more often {at_strict} and {at_lax} than {at_best}",
            tuple(chosen(recorded_test(effect.axis, OVERLAP, end, best, 1), tried) for end in (strict, lax)),
        ),
    )
    yield Step(
        "metric",
        "Retrieval falls with a margin that is too strict: MAP@R 0.422 at 0.05–0.1, 0.369 at 0.4–0.5, 0.229 at 1.5–2",
        CURVE,
        Claim(
            f"the strictest margin is too strict: {effect.name} is lower {at_strict} than {at_best}",
            (chosen(metric_test(effect, best, strict, 1), tried),),
        ),
    )
    yield Step(
        "metric",
        "Retrieval falls with a margin that is too lax: MAP@R 0.154 at −0.2",
        CURVE,
        Claim(
            f"the laxest margin is too lax: {effect.name} is lower {at_lax} than {at_best}",
            (chosen(metric_test(effect, best, lax, 1), tried),),
        ),
    )


def _steps_without_rule(effect: Effect) -> Iterator[Step]:
    """The steps for a margin of which only the name is known."""
    first, last = effect.ends
    for name in (ACTIVE_NEGATIVES, ACTIVE_TRIPLETS):
        if len(effect.axis.having(name)) == len(effect.axis.points):
            claim = Claim(f"the margin changes the {label(name)}", (recorded_test(effect.axis, name, last, first),))
            yield Step("batch", "A margin selects the pairs or triplets with a gradient", "definition", claim)
