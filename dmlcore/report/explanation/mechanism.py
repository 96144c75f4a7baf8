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
    "geometry": "in the geometry of the embeddings",
    "metric": "in the metric",
}


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


@frozen
class Mechanism:
    """How a setting may change a metric."""

    blocks: Sequence[Block] = ()
    """What the setting does by definition: formulas, conversions, numbers."""
    steps: Sequence[Step] = ()
    after: Sequence[Block] = field(default=())
    """Numbers and tables that belong below the steps."""

    def tested(self, metric_changes: bool) -> Mechanism:
        """Return it with the claims corrected together, or withheld if the metric does not change beyond chance.

        So no step is claimed for an effect that is not there, and of the steps towards a real one at most one of
        twenty studies has a wrong claim.
        """
        claims = [step.claim for step in self.steps if step.claim is not None]
        tested = iter(corrected(claims) if metric_changes else [evolve(claim, withheld=True) for claim in claims])
        steps = [step if step.claim is None else evolve(step, claim=next(tested)) for step in self.steps]
        return evolve(self, steps=steps)

    @property
    def shown(self) -> list[Claim]:
        """The claims that these runs show."""
        return [step.claim for step in self.steps if step.claim is not None and step.claim.shown]


def mechanism_blocks(mechanism: Mechanism) -> Iterator[Block]:
    """Draw a tested mechanism: definitions, then expectation and finding side by side."""
    yield from mechanism.blocks
    if mechanism.steps:
        rows = tuple(
            (LINKS[step.link], f"{step.expectation} ({step.source})", _finding(step)) for step in mechanism.steps
        )
        yield Table(("step", "expectation", "these runs"), rows, "Expected, and found in these runs", words=3)
    yield from mechanism.after


def _finding(step: Step) -> str:
    parts = [step.finding] * bool(step.finding) + ([step.claim.sentence] if step.claim else [])
    return " ".join(parts) or "By definition; not tested."
