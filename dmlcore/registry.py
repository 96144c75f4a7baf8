"""Component classes by kind and name."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen

from dmlcore.components import Component
from dmlcore.discovery import FailedPlugin, PluginSet, PluginSource
from dmlcore.errors import UnknownComponentError
from dmlcore.wording import did_you_mean, listing, with_article


@frozen
class Offer:
    """A component class and the plugin that offers it."""

    component: type[Component]
    source: PluginSource

    @property
    def full_name(self) -> str:
        """Name that is never ambiguous: distribution/name."""
        return f"{self.source.distribution}/{self.component.name}"


@frozen
class Registry:
    """What a study can name."""

    offers: tuple[Offer, ...] = ()
    failed: tuple[FailedPlugin, ...] = field(default=())

    @classmethod
    def of(cls, plugins: PluginSet) -> Registry:
        """The registry of all loaded plugins."""
        offers = tuple(Offer(component, plugin.source) for plugin in plugins.loaded for component in plugin.components)
        return cls(offers, plugins.failed)

    def of_kind(self, kind: str) -> Iterator[Offer]:
        """All offers of a kind, by name."""
        return iter(
            sorted(
                (o for o in self.offers if o.component.kind == kind),
                key=lambda o: (o.component.name, o.full_name),
            )
        )

    def find(self, kind: str, name: str) -> Offer:
        """The offer of a name, or of a `distribution/name`.

        Raises UnknownComponentError, with the nearest names, where no plugin or several offer it.
        """
        found = [o for o in self.of_kind(kind) if name in (o.component.name, o.full_name)]
        if len(found) == 1:
            return found[0]
        if found:
            names = listing([o.full_name for o in found])
            raise UnknownComponentError(
                f"{kind} {name!r} is offered by {len(found)} distributions. Write one of {names}."
            )
        known = [o.component.name for o in self.of_kind(kind)]
        raise UnknownComponentError(
            f"no installed plugin offers {with_article(kind)} named {name!r}.{did_you_mean(name, known)}"
            f" Known: {listing(known) or 'none'}.{self._failures()}"
        )

    def offer_of(self, component: Component) -> Offer:
        """The offer that a component of a study came from."""
        return next(offer for offer in self.offers if offer.component is type(component))

    def _failures(self) -> str:
        if not self.failed:
            return ""
        keys = listing([plugin.source.key for plugin in self.failed])
        return f" Not usable: {keys} (see `dmlcore list-plugins`)."
