"""Component classes by kind and name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from dmlcore.api.components import Component
from dmlcore.errors import UnknownComponentError
from dmlcore.host.discovery import DisabledPlugin, FailedPlugin, PluginSet, disabler
from dmlcore.host.distributions import PluginSource
from dmlcore.text import did_you_mean, known_names, listing, with_article


@frozen
class Offer:
    """A component class and the plugin that offers it."""

    component: type[Component]
    source: PluginSource

    @property
    def full_name(self) -> str:
        """Name that is never ambiguous: distribution/name."""
        return f"{self.source.distribution}/{self.component.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """All names that a study may write for it."""
        return (self.component.name, self.full_name, *self.former_names)

    @property
    def former_names(self) -> Mapping[str, Mapping[str, Any]]:
        """Deprecated name, with and without the distribution → the options that had another default under it."""
        former = self.component.former_names
        return {**former, **{f"{self.source.distribution}/{name}": values for name, values in former.items()}}


@frozen
class Registry:
    """The components that a study can name."""

    offers: tuple[Offer, ...] = ()
    failed: tuple[FailedPlugin, ...] = ()
    disabled: tuple[DisabledPlugin, ...] = ()

    @classmethod
    def of(cls, plugins: PluginSet) -> Registry:
        """The components of all loaded plugins."""
        offers = tuple(Offer(component, plugin.source) for plugin in plugins.loaded for component in plugin.components)
        return cls(offers, plugins.failed, plugins.disabled)

    @property
    def sources(self) -> Sequence[PluginSource]:
        """Every installed plugin, usable or not."""
        offered = (offer.source for offer in self.offers)
        failed = (plugin.source for plugin in self.failed)
        return list(dict.fromkeys([*offered, *failed, *(plugin.source for plugin in self.disabled)]))

    def without(self, disabled: Mapping[str, str]) -> Registry:
        """The registry without the plugins that a study disables; `disabled` maps keys to what disables them."""
        unwanted = [(source, by) for source in self.sources if (by := disabler(source, disabled)) is not None]
        gone = {source for source, _ in unwanted}
        return Registry(
            tuple(offer for offer in self.offers if offer.source not in gone),
            tuple(plugin for plugin in self.failed if plugin.source not in gone),
            (
                *(plugin for plugin in self.disabled if plugin.source not in gone),
                *(DisabledPlugin(source, by) for source, by in unwanted),
            ),
        )

    def of_kind(self, kind: str) -> Iterator[Offer]:
        """All offers of a kind, sorted by name."""
        offers = (o for o in self.offers if o.component.kind == kind)
        return iter(sorted(offers, key=lambda o: (o.component.name, o.full_name)))

    def find(self, kind: str, name: str) -> Offer:
        """The offer with a name, or with a `distribution/name`.

        Raises UnknownComponentError with the nearest names if no plugin offers it, or if several do.
        """
        offers = list(self.of_kind(kind))
        found = [o for o in offers if name in (o.component.name, o.full_name)]
        found = found or [o for o in offers if name in o.former_names]
        if len(found) == 1:
            return found[0]
        if found:
            names = listing([o.full_name for o in found])
            raise UnknownComponentError(
                f"{kind} {name!r} is offered by {len(found)} distributions. Write one of {names}."
            )
        for offer in offers:
            if name in offer.component.refused:
                raise UnknownComponentError(f"{kind} {name!r} cannot be used: {offer.component.refused[name]}.")
        for plugin in self.disabled:
            if name.startswith(f"{plugin.source.distribution}/"):
                raise UnknownComponentError(
                    f"{kind} {name!r} belongs to the plugin {plugin.source.key}, which is disabled by {plugin.by}."
                )
        known = [o.component.name for o in offers]
        raise UnknownComponentError(
            f"no installed plugin offers {with_article(kind)} named {name!r}.{did_you_mean(name, known)}"
            f" {known_names(kind, known)}{self._unusable()}"
        )

    def is_ambiguous(self, offer: Offer) -> bool:
        """Whether several distributions offer the name, so that a study must write the full name."""
        same = ((o.component.kind, o.component.name) for o in self.offers)
        return sum(names == (offer.component.kind, offer.component.name) for names in same) > 1

    def offer_of(self, component: Component) -> Offer:
        """The offer that a component comes from."""
        return next(offer for offer in self.offers if offer.component is type(component))

    def _unusable(self) -> str:
        """The unusable plugins, any of which may offer a missing component."""
        words = [f" Disabled by {plugin.by}: {plugin.source.key}." for plugin in self.disabled]
        if self.failed:
            keys = listing(plugin.source.key for plugin in self.failed)
            words.append(f" Not usable: {keys} (see `dmlcore list-plugins`).")
        return "".join(words)
