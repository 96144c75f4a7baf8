"""All checks of a component: those of every kind, and those of its kind."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.components import Component
from dmlcore.testing import every_kind
from dmlcore.testing.another_process import AnotherProcess
from dmlcore.testing.chance import nothing_drawn
from dmlcore.testing.checking import Check, ContractError, Outcome, demand
from dmlcore.testing.numbers import demand_same, gives_numbers, module_of, numbers_of


def loads_no_torch(component: Component, elsewhere: AnotherProcess) -> None:
    """Importing its module does not import torch, so that `dmlcore list-plugins` is fast."""
    line = elsewhere.sees(component).loads_torch
    demand(not line, "torch imported only inside methods", line, "Move the import into the method that needs it.")


def gives_the_same_numbers_again(component: Component) -> None:
    """Built twice with the same seed, it computes the same numbers."""
    demand_same(
        numbers_of(component),
        numbers_of(component),
        when="for a second component with the same seed",
        remedy="Draw from the seed or generator of the context, or from torch's global generator.",
    )


def gives_the_same_numbers_in_another_process(component: Component, elsewhere: AnotherProcess) -> None:
    """Built in another process with the same seed, it computes the same numbers."""
    seen = elsewhere.sees(component)
    here = numbers_of(component)
    if seen.numbers is None:
        remedy = "Do not depend on earlier events in this process."
        raise ContractError("the same numbers in another process", seen.error, remedy)
    demand_same(
        here,
        seen.numbers,
        when="in another process with the same seed",
        remedy="Avoid what differs between processes: the order of a set, hash(), id(), time, unseeded randomness.",
    )


def draws_from_no_global_generator(component: Component) -> None:
    """It does not use the global generators of Python and NumPy; only networks and losses may use torch's."""
    with nothing_drawn():
        numbers_of(component)


def checks_of(component: Component, elsewhere: AnotherProcess | None = None) -> tuple[Check, ...]:
    """All checks of a component. Components can share the process `elsewhere`."""
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
    """The outcome of each check; only of the first if the component can't be built."""
    first, *others = checks_of(component, elsewhere)
    outcome = first.outcome()
    yield outcome
    if outcome.status == "passed":
        yield from (check.outcome() for check in others)
