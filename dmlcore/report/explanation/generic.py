"""Any other number: its effect, and what moved with it."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block
from dmlcore.report.explanation.effect import Effect, against_highest, edge_text, effect_text, steps_grid
from dmlcore.report.explanation.moved import moved_blocks


def explain_number(effect: Effect) -> Iterator[Block]:
    """What can be said of any numeric path: no mechanism is claimed."""
    yield effect_text(effect)
    yield from against_highest(effect)
    yield edge_text(effect)
    yield steps_grid(effect)
    yield from moved_blocks(effect)
