"""A claim is written as one only if its tests are significant, after correction, and have the right sign."""

from __future__ import annotations

import pytest
from attrs import evolve

from dmlcore.report.content.statistics import Comparison, Interval
from dmlcore.report.explanation.claims import NOT_SHOWN, Claim, corrected
from dmlcore.report.explanation.claims import Test as Hypothesis
from dmlcore.report.explanation.evidence import ONE_SEED
from dmlcore.report.explanation.mechanism import Mechanism, Step


def compared(p: float, difference: float = 0.1) -> Comparison:
    return Comparison(difference, Interval(difference - 0.02, difference + 0.02, "seeds"), p)


def claim(*p_values: float) -> Claim:
    return Claim("more dimensions help", tuple(Hypothesis("MAP@R, 64 minus 32", compared(p), 1) for p in p_values))


def test_a_significant_claim_is_a_sentence_with_its_evidence() -> None:
    assert claim(0.01).shown
    assert claim(0.01).sentence == "More dimensions help (MAP@R, 64 minus 32: +0.1000 [0.080, 0.120], p = 0.01)."


def test_a_claim_that_is_not_significant_is_not_shown() -> None:
    assert not claim(0.06).shown
    assert claim(0.06).sentence.startswith(f"{NOT_SHOWN}: more dimensions help (")


def test_each_test_of_a_claim_has_to_be_significant() -> None:
    assert claim(0.001, 0.2).p == 0.2
    assert not claim(0.001, 0.2).shown


@pytest.mark.parametrize(("direction", "shown"), [(1, True), (0, True), (-1, False)])
def test_the_sign_has_to_be_the_claimed_one(direction: int, shown: bool) -> None:
    assert Claim("it helps", (Hypothesis("MAP@R", compared(0.001), direction),)).shown is shown  # type: ignore[arg-type]


def test_a_claim_without_a_test_is_not_shown() -> None:
    alone = Claim("it helps", (Hypothesis("MAP@R", compared(0.001)), Hypothesis("overlap", None, untested=ONE_SEED)))
    assert (alone.p, alone.testable, alone.shown) == (None, False, False)
    assert f"overlap can't be tested: {ONE_SEED}" in alone.sentence
    assert not Claim("it helps", ()).shown


def test_claims_are_corrected_together() -> None:
    untested = Claim("it helps", (Hypothesis("overlap", None, untested=ONE_SEED),))
    found = corrected([claim(0.02), untested, claim(0.001, 0.015), claim(0.03)])
    assert [each.corrected for each in found] == [
        pytest.approx(0.045),
        None,
        pytest.approx(0.045),
        pytest.approx(0.045),
    ]
    assert [each.shown for each in corrected([claim(0.03), claim(0.03)])] == [False, False]


def test_the_steps_towards_an_effect_that_is_not_shown_are_withheld() -> None:
    steps = (Step("batch", "An expectation", "a source", claim(1e-9)), Step("metric", "Another", "a source"))
    surprise = Step("batch", "No expectation", "a source", claim(0.5), unexpected=True)
    mechanism = Mechanism(steps=(*steps, surprise))
    assert [each.sentence for each in mechanism.tested(True).shown] == [claim(1e-9).sentence]
    without = mechanism.tested(False)
    assert without.shown == []
    assert [step.claim.sentence for step in without.steps if step.claim] == [f"{NOT_SHOWN}: more dimensions help."]
    assert evolve(claim(1e-9), withheld=True).shown is False


def test_a_claim_that_only_the_correction_rejects_states_the_corrected_p() -> None:
    (rejected, _) = corrected([claim(0.03), claim(0.04)])
    assert rejected.sentence.endswith("p = 0.03; p = 0.06 corrected for all claims).")
