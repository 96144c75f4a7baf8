"""Checks and their outcomes."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any, Literal

from attrs import frozen

from dmlcore.errors import DataError, PluginError, StudyError

Function = Callable[..., None]
"""A check: its arguments are a component and, for some checks, the other process."""


class ContractError(AssertionError):
    """A component breaks the contract of its kind. `expected` and `got` are phrases, `remedy` is a sentence."""

    def __init__(self, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"expected  {expected}\ngot       {got}\n{remedy}")
        self.expected = expected
        self.got = got
        self.remedy = remedy

    found = property(lambda self: self.got, doc="The former name of `got`.")
    cure = property(lambda self: self.remedy, doc="The former name of `remedy`.")


def demand(condition: object, expected: str, got: str, remedy: str) -> None:
    """Raise ContractError unless a condition holds."""
    if not condition:
        raise ContractError(expected, got, remedy)


class RefusedError(ContractError):
    """The component rejects its options with a message, so there is nothing to check."""


class NotApplicable(Exception):  # noqa: N818  it is not an error
    """The check does not apply to this component; the text is the reason."""


def applies_if(condition: Callable[[Any], object], reason: str) -> Callable[[Function], Function]:
    """Decorate a check that applies only to components that meet a condition; `reason` says why it does not."""

    def decorate(function: Function) -> Function:
        @wraps(function)
        def check(component: Any) -> None:
            if not condition(component):
                raise NotApplicable(reason)
            function(component)

        check.applies = condition  # type: ignore[attr-defined]
        return check

    return decorate


def checks_in(module: str) -> tuple[Function, ...]:
    """The checks that a module defines, in order: its public functions of a `component`, except `numbers`."""
    return tuple(
        value
        for name, value in vars(sys.modules[module]).items()
        if inspect.isfunction(value) and value.__module__ == module and not name.startswith("_") and name != "numbers"
        if "component" in inspect.signature(value).parameters
    )


@frozen
class Check:
    """A requirement on a component; `run` raises an error if the component does not meet it."""

    name: str
    demand: str
    """The requirement, in one line."""
    run: Callable[[], None]
    applies: bool = True
    """Whether the check applies, as far as the component's class and options show."""

    @classmethod
    def of(cls, function: Function, *arguments: Any) -> Check:
        """The check of a function, with its name and the first line of its docstring."""
        applies = True
        if arguments and hasattr(function, "applies"):
            with suppress(Exception):  # running the check reports it
                applies = bool(function.applies(arguments[0]))
        demand = (inspect.getdoc(function) or "").partition("\n")[0]
        return cls(function.__name__, demand, partial(function, *arguments), applies)

    def outcome(self) -> Outcome:
        """Run the check. Any error of the component is a failure."""
        try:
            self.run()
        except NotApplicable as reason:
            return Outcome(self, "not applicable", reason=str(reason))
        except ContractError as error:
            return Outcome(self, "failed", error=error)
        except (Exception, SystemExit) as error:
            return Outcome(self, "failed", error=_own_error(error))
        return Outcome(self, "passed")


@frozen
class Outcome:
    """The outcome of a check."""

    check: Check
    status: Literal["passed", "failed", "not applicable"]
    reason: str = ""
    error: ContractError | None = None


@contextmanager
def refusals(
    errors: type[Exception] | tuple[type[Exception], ...] = (StudyError, DataError, PluginError),
) -> Iterator[None]:
    """Turn errors of a component with a message for the user into a RefusedError."""
    try:
        yield
    except errors as error:
        raise RefusedError(
            "a component that can be built with these options",
            f"{type(error).__name__}: {error}",
            "Set the options that it needs.",
        ) from error


def _own_error(error: BaseException) -> ContractError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    found = f"{type(error).__name__}: {error}".rstrip(": ")
    return ContractError("no error", found, f"It was raised in {place.filename}:{place.lineno}, {place.name}.")
