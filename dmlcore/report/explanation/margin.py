"""The margin: how much of a batch it keeps active, and how far it separates positive and negative pairs."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import GEOMETRY, TRAINING, ZERO_LOSS, label
from dmlcore.report.explanation.claims import Claim
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.evidence import recorded_test
from dmlcore.report.explanation.margin_table import margin_table
from dmlcore.report.explanation.mechanism import Mechanism, Step
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import courses

ACTIVE = tuple(f"{TRAINING}{name}" for name in ("active_triplets", "active_negative_pairs", "active_positive_pairs"))
OVERLAP = f"{GEOMETRY}similarity_overlap"
SIMILARITIES = (f"{GEOMETRY}positive_similarity", f"{GEOMETRY}negative_similarity")
GRADIENT = f"{TRAINING}gradient_norm"


def margin_activity(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return the margin on every scale, and what it does to the pairs or triplets of a batch."""
    blocks = (*_translated(effect), *courses(effect.axis, *ACTIVE, ZERO_LOSS, GRADIENT, *SIMILARITIES, OVERLAP))
    return Mechanism(blocks, tuple(_steps(effect)), tuple(moved_blocks(effect)))


def _translated(effect: Effect) -> Iterator[Block]:
    facts = effect.axis.points[0].results[0].loss
    if effect.axis.path != "loss.margin" or facts.margin_axis is None:
        return
    if facts.margin_kind is None:
        yield Text(
            f"The loss {facts.name} measures its margin as {facts.margin_axis} but does not state whether that is a"
            f" threshold or a difference, so {effect.axis.points[0].label} is not converted to other scales."
        )
        return
    yield margin_table([point.number for point in effect.axis.points], facts.margin_axis, facts.margin_kind)


def _steps(effect: Effect) -> Iterator[Step]:
    first, last = effect.ends
    for name in ACTIVE:
        if len(effect.axis.having(name)) == len(effect.axis.points):
            claim = Claim(f"the margin changes the {label(name)}", (recorded_test(effect.axis, name, last, first),))
            yield Step("batch", "The margin sets which pairs or triplets have a gradient", "the formula", claim)
