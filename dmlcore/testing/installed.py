"""`dmlcore test-plugin`: checks of installed components, with given options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from dmlcore.api.components import KINDS, Component
from dmlcore.errors import StudyError, UnknownComponentError
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.component import component_from, options_by_component
from dmlcore.testing.checking import Outcome, RefusedError
from dmlcore.text import did_you_mean


@frozen
class Checked:
    """An offered component with the outcomes of its checks, or why it was not checked."""

    offer: Offer
    outcomes: tuple[Outcome, ...] = ()
    not_checked: str = ""

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")


def offers_named(name: str, registry: Registry) -> tuple[Offer, ...]:
    """The offers with a component's name or `distribution/name`, or all offers of a distribution.

    Raises UnknownComponentError if there are none, or if a plugin of that name failed to load.
    """
    offers = [offer for kind in KINDS for offer in registry.of_kind(kind)]
    found = tuple(o for o in offers if name in (o.component.name, o.full_name, o.source.distribution))
    broken = [plugin for plugin in registry.failed if name in (plugin.source.distribution, plugin.source.key)]
    if broken:
        raise UnknownComponentError(
            f"{broken[0].source.key} can't be loaded: {broken[0].reason}. "
            "`dmlcore list-plugins --verbose` shows the traceback."
        )
    if not found:
        known = {offer.component.name for offer in offers} | {offer.source.distribution for offer in offers}
        raise UnknownComponentError(
            f"no component and no distribution is named {name!r}.{did_you_mean(name, sorted(known))}"
            " See `dmlcore list-plugins`."
        )
    return found


def check_installed(name: str, settings: Sequence[str], registry: Registry) -> Iterator[Checked]:
    """Check the components of a name, one by one.

    Of a whole distribution, components that need more options are not checked, and the result says so. Raises
    StudyError if options are invalid, or if a component that is named itself needs more options.
    """
    from dmlcore.testing.another_process import AnotherProcess
    from dmlcore.testing.checks import outcomes

    offers = offers_named(name, registry)
    options = options_by_component(settings, [offer.component.name for offer in offers])
    lenient = {o for o in offers if name == o.source.distribution and not options[o.component.name]}
    built = {offer: _built(offer, options[offer.component.name], registry) for offer in offers}
    for offer, result in built.items():
        if isinstance(result, str) and offer not in lenient:
            raise StudyError(result)
    elsewhere = AnotherProcess(component for component in built.values() if isinstance(component, Component))
    for offer, result in built.items():
        if isinstance(result, str):
            yield Checked(offer, not_checked=result)
            continue
        ends = tuple(outcomes(result, elsewhere))
        error = ends[0].error
        if offer in lenient and isinstance(error, RefusedError):
            yield Checked(offer, not_checked=f"{error.got} Set it by --set {offer.component.name}.OPTION=VALUE.")
        else:
            yield Checked(offer, ends)


def _built(offer: Offer, options: Mapping[str, Any], registry: Registry) -> Component | str:
    """The component with its options, or the problems with them."""
    name = offer.component.name
    try:
        return component_from(KINDS[offer.component.kind], offer.full_name, options, registry, (name,))
    except StudyError as error:
        return str(error)
