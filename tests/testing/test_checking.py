"""The error of a check."""

from __future__ import annotations

from dmlcore.testing import ContractError
from dmlcore.testing.checking import Check


def test_the_former_names_of_its_parts_still_work() -> None:
    error = ContractError("a number", "nothing", "Return a number.")
    assert (error.found, error.cure) == ("nothing", "Return a number.")


def test_a_component_that_exits_fails_its_check() -> None:
    def exits() -> None:
        """It ends."""
        raise SystemExit("no license")

    outcome = Check.of(exits).outcome()
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error.got == "SystemExit: no license"
