"""The error of a check."""

from __future__ import annotations

from dmlcore.testing import ContractError


def test_the_former_names_of_its_parts_still_work() -> None:
    error = ContractError("a number", "nothing", "Return a number.")
    assert (error.found, error.cure) == ("nothing", "Return a number.")
