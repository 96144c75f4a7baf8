"""Claims: every causal sentence of a report, with the tests that it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import evolve, frozen

from dmlcore.report.content.statistics import LEVEL, Comparison, holm
from dmlcore.report.explanation.phrases import difference, p_value
from dmlcore.text import capitalized

NOT_SHOWN = "Not shown by these runs"


@frozen
class Test:
    """One hypothesis of a claim: a difference, and whether it is beyond chance."""

    what: str
    """The difference as a noun: "MAP@R at margin 0.5 minus margin 0.9"."""
    found: Comparison | None
    """p is corrected for the values that the two were selected from; None if no test is possible."""
    direction: Literal[-1, 0, 1] = 0
    """The sign that the claim needs; 0 if either supports it."""
    untested: str = ""
    """Why no test is possible."""

    @property
    def agrees(self) -> bool:
        """Whether the difference has the sign that the claim needs."""
        return self.found is not None and (self.direction == 0 or self.found.difference * self.direction > 0)

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.what} can't be tested: {self.untested}"
        return f"{self.what}: {difference(self.found)}"


@frozen
class Claim:
    """A causal sentence, which is written as such only if each of its tests is significant in the right direction."""

    statement: str
    """A clause without a final period: "a larger margin keeps more negative pairs active"."""
    tests: tuple[Test, ...]
    corrected: float | None = None
    """p after the correction for all claims of its family; see `corrected`."""
    withheld: bool = False
    """Whether it is about an effect that is not shown, so that it isn't tested."""

    @property
    def p(self) -> float | None:
        """The largest p of its tests, all of which have to be significant; None if one of them can't be tested."""
        found = [test.found.p for test in self.tests if test.found is not None]
        return max(found) if found and len(found) == len(self.tests) else None

    @property
    def testable(self) -> bool:
        return self.p is not None

    @property
    def shown(self) -> bool:
        """Whether the runs show it at the level of the report's intervals."""
        p = self.p if self.corrected is None else self.corrected
        return not self.withheld and p is not None and p < 1 - LEVEL and all(test.agrees for test in self.tests)

    @property
    def evidence(self) -> str:
        """The tests in words, with the corrected p where only that is not significant."""
        tests = "; ".join(map(str, self.tests))
        if self.p is None or self.corrected is None or self.p >= 1 - LEVEL or self.corrected < 1 - LEVEL:
            return tests
        return f"{tests}; {p_value(self.corrected)} corrected for all claims"

    @property
    def sentence(self) -> str:
        """The statement with its evidence, or that these runs don't show it."""
        if self.shown:
            return f"{capitalized(self.statement)} ({self.evidence})."
        evidence = "" if self.withheld else f" ({self.evidence})"
        return f"{NOT_SHOWN}: {self.statement}{evidence}."


def corrected(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims with p corrected for all of them together (Holm, 1979), in the order given."""
    adjusted = iter(holm([claim.p for claim in claims if claim.p is not None]))
    return [claim if claim.p is None else evolve(claim, corrected=next(adjusted)) for claim in claims]
