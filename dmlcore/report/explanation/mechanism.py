"""From a setting to the metric, step by step: what textbooks expect, and which of it these runs show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from attrs import evolve, field, frozen

from dmlcore.api.blocks import Block, Table
from dmlcore.report.explanation.claims import Claim, corrected

Link = Literal["loss", "batch", "geometry", "metric"]

LINKS: dict[Link, str] = {
    "loss": "in the loss",
    "batch": "in a batch",
    "geometry": "in the geometry",
    "metric": "in the metric",
}


NO_EFFECT = "These runs don't show that the metric changes, so no step towards a change was tested."


@frozen
class Step:
    """One step: the expectation, and the claim by which these runs test it."""

    link: Link
    expectation: str
    """A sentence on what textbooks or papers expect."""
    source: str
    """Where that is from: "Musgrave et al., 2020", or "the formula"."""
    claim: Claim | None = None
    """None if it follows from a definition."""
    finding: str = ""
    """What these runs recorded, in numbers without a cause; shown with or without the claim."""
    unexpected: bool = False
    """Whether no one expects it: one of many differences that were compared. Shown only if the runs show it."""

    @property
    def shown(self) -> bool:
        return self.claim is not None and self.claim.shown


@frozen
class Mechanism:
    """How a setting may change a metric."""

    blocks: Sequence[Block] = ()
    """What the setting does by definition: formulas, conversions, numbers."""
    steps: Sequence[Step] = ()
    after: Sequence[Block] = field(default=())
    """Numbers and tables that belong below the steps."""
    summary: str = ""
    """One sentence of numbers without a cause, for the first page if no step is shown."""

    def tested(self, metric_changes: bool) -> Mechanism:
        """Return it with the claims corrected together, or withheld if the metric does not change beyond chance.

        So no step is claimed for an effect that is not there, and of the steps towards a real one at most one of
        twenty studies has a wrong claim.
        """
        claims = [step.claim for step in self.steps if step.claim is not None]
        tested = iter(corrected(claims) if metric_changes else [evolve(claim, withheld=True) for claim in claims])
        steps = [step if step.claim is None else evolve(step, claim=next(tested)) for step in self.steps]
        return evolve(self, steps=[step for step in steps if step.shown or not step.unexpected])

    @property
    def shown(self) -> list[Claim]:
        """The claims that these runs show."""
        return [step.claim for step in self.steps if step.claim is not None and step.shown]


def mechanism_blocks(mechanism: Mechanism) -> Iterator[Block]:
    """Draw a tested mechanism: definitions, then expectation and finding side by side."""
    yield from mechanism.blocks
    if mechanism.steps:
        rows = tuple(
            (LINKS[step.link], f"{step.expectation} ({step.source})", _finding(step)) for step in mechanism.steps
        )
        withheld = any(step.claim is not None and step.claim.withheld for step in mechanism.steps)
        notes = [NO_EFFECT] * withheld
        yield Table(("step", "expectation", "these runs"), rows, "Expected, and found in these runs", notes, words=3)
    yield from mechanism.after


def _finding(step: Step) -> str:
    parts = [step.finding] * bool(step.finding) + ([step.claim.sentence] if step.claim else [])
    return " ".join(parts) or "By definition; not tested."
