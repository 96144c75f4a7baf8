"""What a check is, and how it ends."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from attrs import frozen

from dmlcore.errors import DataError, PluginError, StudyError


class ContractError(AssertionError):
    """A component breaks the contract of its kind. `expected` and `got` are phrases, `remedy` is a sentence."""

    def __init__(self, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"expected  {expected}\ngot       {got}\n{remedy}")
        self.expected = expected
        self.got = got
        self.remedy = remedy


def demand(condition: object, expected: str, got: str, remedy: str) -> None:
    """Raise ContractError unless a condition holds."""
    if not condition:
        raise ContractError(expected, got, remedy)


class RefusedError(ContractError):
    """The component can't be built with these options, and says why: there is nothing to check."""


class NotApplicable(Exception):  # noqa: N818  it is no error: there is nothing to ask
    """The check has nothing to ask of this component; the text is the reason."""


REFUSALS = (StudyError, DataError, PluginError)
"""What a component raises to say what a user must change, in words."""


@frozen
class Check:
    """One demand on one component; `run` returns where it is met."""

    name: str
    demand: str
    """What is demanded, in one line."""
    run: Callable[[], None]

    @classmethod
    def of(cls, function: Callable[..., None], *arguments: Any) -> Check:
        """The check that a function makes of its arguments: its name, and the first line of its docstring."""
        return cls(
            function.__name__, (inspect.getdoc(function) or "").partition("\n")[0], partial(function, *arguments)
        )

    def outcome(self) -> Outcome:
        """How it ends. An error of the component's own is a failure too."""
        try:
            self.run()
        except NotApplicable as reason:
            return Outcome(self, "not applicable", reason=str(reason))
        except ContractError as error:
            return Outcome(self, "failed", error=error)
        except Exception as error:
            return Outcome(self, "failed", error=_own_error(error))
        return Outcome(self, "passed")


@frozen
class Outcome:
    """How a check ended."""

    check: Check
    status: Literal["passed", "failed", "not applicable"]
    reason: str = ""
    error: ContractError | None = None


def refused(error: Exception) -> RefusedError:
    """That a component can't be built with these options, in the words of its own message."""
    return RefusedError(
        "a component that can be built with these options",
        f"{type(error).__name__}: {error}",
        "Give it the options that it asks for.",
    )


def _own_error(error: Exception) -> ContractError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    found = f"{type(error).__name__}: {error}".rstrip(": ")
    return ContractError("no error", found, f"It was raised in {place.filename}:{place.lineno}, {place.name}.")
