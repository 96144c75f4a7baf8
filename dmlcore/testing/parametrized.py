"""The checks of components as pytest tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from dmlcore.api.components import Component
from dmlcore.testing.checking import Check, ContractError, NotApplicable


def contract(*components: Component, without: Mapping[str, str] | None = None) -> Callable[[Check], None]:
    """A test function, parametrized by the checks that apply to each component: assign it to a name `test_…`.

    `without` maps checks that these components need not pass to the reason; they are skipped with the reason.
    """
    import pytest

    from dmlcore.testing.another_process import AnotherProcess
    from dmlcore.testing.checks import checks_of

    reasons = without or {}
    elsewhere = AnotherProcess(_instances(components))
    checks = {component: checks_of(component, elsewhere) for component in elsewhere.components}
    _refuse_unknown(reasons, {check.name for each in checks.values() for check in each})

    @pytest.mark.parametrize(
        "check",
        [
            pytest.param(check, id=f"{title(c)}-{check.name}")
            for c, each in checks.items()
            for check in each
            if check.applies
        ],
    )
    def test_contract(check: Check) -> None:
        if check.name in reasons:
            pytest.skip(reasons[check.name])
        reason = failure = None
        try:
            check.run()
        except NotApplicable as not_applicable:
            reason = str(not_applicable)
        except ContractError as error:
            failure = f"{check.demand}\n{error}"
        if reason is not None:
            pytest.skip(reason)
        if failure is not None:
            pytest.fail(failure, pytrace=False)

    return test_contract


def title(component: Component) -> str:
    """A component's name for test ids, with the options that differ from the defaults."""
    options = [
        f"{attribute.name}={title(value) if isinstance(value, Component) else value}"
        for attribute in attrs.fields(type(component))
        if (value := getattr(component, attribute.name)) != attribute.default
    ]
    return f"{component.name}({','.join(options)})" if options else component.name


def _instances(components: tuple[Component, ...]) -> tuple[Component, ...]:
    for component in components:
        if isinstance(component, type):
            raise TypeError(f"contract() takes instances of components, such as {component.__name__}()")
        if not isinstance(component, Component):
            raise TypeError(f"contract() takes components, not {component!r}")
    if not components:
        raise TypeError("contract() needs at least one component")
    return tuple(dict.fromkeys(components))


def _refuse_unknown(names: Mapping[str, str], known: set[str]) -> None:
    unknown = sorted(set(names) - known)
    if unknown:
        raise ValueError(f"without: there is no check {unknown[0]!r} of these components; they have {sorted(known)}")
