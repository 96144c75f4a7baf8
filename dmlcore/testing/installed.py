"""`dmlcore test-plugin`: the installed components of a name, made with given options, and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from dmlcore.api.components import KINDS, Component
from dmlcore.errors import StudyError, UnknownComponentError
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.document import Document, Origin, dotted, parse_override
from dmlcore.study.structure import Structurer
from dmlcore.testing.checking import Outcome, RefusedError
from dmlcore.text import did_you_mean, listing


@frozen
class Checked:
    """An offered component and how its checks ended, or why it was not checked."""

    offer: Offer
    outcomes: tuple[Outcome, ...] = ()
    not_checked: str = ""

    @property
    def failures(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.status == "failed")


def offers_named(name: str, registry: Registry) -> tuple[Offer, ...]:
    """The offers of a component's name, of `distribution/name`, or of all of a distribution.

    Raises UnknownComponentError where there are none; it tells of a plugin of that name that could not be loaded.
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


def check_installed(name: str, overrides: Sequence[str], registry: Registry) -> Iterator[Checked]:
    """The components of a name, one after the other.

    Of a whole distribution, one that needs options which were not given is not checked, and says so.
    Raises StudyError where options are wrong, and where a component that was named itself needs options.
    """
    from dmlcore.testing.another_process import AnotherProcess
    from dmlcore.testing.checks import outcomes

    offers = offers_named(name, registry)
    options = _options(offers, overrides)
    lenient = {offer for offer in offers if name == offer.source.distribution and not options[offer]}
    made = {offer: _made(offer, options[offer], registry) for offer in offers}
    for offer, result in made.items():
        if isinstance(result, str) and offer not in lenient:
            raise StudyError(result)
    elsewhere = AnotherProcess(component for component in made.values() if isinstance(component, Component))
    for offer, result in made.items():
        if isinstance(result, str):
            yield Checked(offer, not_checked=result)
            continue
        ends = tuple(outcomes(result, elsewhere))
        error = ends[0].error
        if offer in lenient and isinstance(error, RefusedError):
            yield Checked(offer, not_checked=f"{error.found} Give it by --set {offer.component.name}.OPTION=VALUE.")
        else:
            yield Checked(offer, ends)


def _options(offers: Sequence[Offer], overrides: Sequence[str]) -> Mapping[Offer, Mapping[str, Any]]:
    """The options given for each offer, as "alpha=30" for a single one, else "angular.alpha=30"."""
    names = {offer.component.name for offer in offers}
    documents = dict.fromkeys(offers, Document())
    for text in overrides:
        path, value = parse_override(text)
        if len(path) > 1 and path[0] in names:
            owner, path = path[0], path[1:]
        elif len(names) == 1:
            (owner,) = names
        else:
            raise StudyError(
                f"--set {text}: expected COMPONENT.OPTION=VALUE, of one of {listing(sorted(names))}."
                f"{did_you_mean(str(path[0]), sorted(names))}"
            )
        for offer in offers:
            if offer.component.name == owner:
                documents[offer] = documents[offer].with_value(path, value, Origin(None, path))
    return {offer: document.values for offer, document in documents.items()}


def _made(offer: Offer, options: Mapping[str, Any], registry: Registry) -> Component | str:
    """The component with its options, or what is wrong with them."""
    structurer = Structurer(registry, lambda _: Path())
    table = {"use": offer.full_name, **options}
    component = structurer.structure(table, KINDS[offer.component.kind], (offer.component.name,))
    if structurer.problems:
        return "\n\n".join(problem.text(f"--set {dotted(problem.path)}") for problem in structurer.problems)
    assert isinstance(component, Component)
    return component
