"""Any numeric path: its effect, a mechanism that may explain it, and the quantities that changed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dmlcore.api.blocks import Block
from dmlcore.report.explanation.effect import Effect, against_highest, edge_text, effect_text, steps_grid
from dmlcore.report.explanation.moved import moved_blocks

Explain = Callable[[Effect], Iterator[Block]]


def explain_number(effect: Effect, mechanism: Explain | None = None) -> Iterator[Block]:
    """Explain the effect of a numeric path; without a mechanism, none is claimed."""
    yield effect_text(effect)
    yield from against_highest(effect)
    yield edge_text(effect)
    yield steps_grid(effect)
    if mechanism is not None:
        yield from mechanism(effect)
    yield from moved_blocks(effect)
