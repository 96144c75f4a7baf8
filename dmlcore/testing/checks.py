"""Which checks a component has to pass: those of every kind, and those of its own."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.components import Component
from dmlcore.testing import every_kind
from dmlcore.testing.another_process import AnotherProcess
from dmlcore.testing.chance import nothing_drawn
from dmlcore.testing.checking import Check, ContractError, Outcome
from dmlcore.testing.numbers import demand_same, gives_numbers, module_of, numbers_of


def loads_no_torch(component: Component, elsewhere: AnotherProcess) -> None:
    """Importing its module leaves torch unloaded, so that `dmlcore list-plugins` is quick."""
    line = elsewhere.sees(component).loads_torch
    if line:
        raise ContractError("torch imported inside methods", line, "Move this import into the method that needs it.")


def gives_the_same_numbers_again(component: Component) -> None:
    """Built twice under the same seed, it gives the same numbers."""
    demand_same(
        numbers_of(component),
        numbers_of(component),
        when="from a second component, under the same seed",
        cure="Draw from the seed or generator that the context gives, or from torch's global generator.",
    )


def gives_the_same_numbers_in_another_process(component: Component, elsewhere: AnotherProcess) -> None:
    """Built in another process under the same seed, it gives the same numbers."""
    seen = elsewhere.sees(component)
    here = numbers_of(component)
    if seen.numbers is None:
        raise ContractError(
            "the same numbers in another process", seen.error, "Let nothing depend on what this process did before."
        )
    demand_same(
        here,
        seen.numbers,
        when="in another process, under the same seed",
        cure="Look for what differs between processes: the order of a set, hash(), id(), the time, unseeded chance.",
    )


def draws_from_no_global_generator(component: Component) -> None:
    """The global generators of Python, NumPy and torch are left alone; networks and losses may use torch's."""
    with nothing_drawn():
        numbers_of(component)


def checks_of(component: Component, elsewhere: AnotherProcess | None = None) -> tuple[Check, ...]:
    """All checks of a component. Those in another process share `elsewhere` with other components."""
    elsewhere = elsewhere or AnotherProcess([component])
    functions = (*module_of(component.kind).CHECKS, *every_kind.CHECKS)
    checks = [Check.of(function, component) for function in functions]
    checks.append(Check.of(loads_no_torch, component, elsewhere))
    if gives_numbers(component):
        checks += [
            Check.of(gives_the_same_numbers_again, component),
            Check.of(draws_from_no_global_generator, component),
            Check.of(gives_the_same_numbers_in_another_process, component, elsewhere),
        ]
    return tuple(checks)


def outcomes(component: Component, elsewhere: AnotherProcess | None = None) -> Iterator[Outcome]:
    """How each check ends; where the component can't be built, there is but that one."""
    first, *others = checks_of(component, elsewhere)
    outcome = first.outcome()
    yield outcome
    if outcome.status == "passed":
        yield from (check.outcome() for check in others)
