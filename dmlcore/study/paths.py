"""Help for a path into a study, such as "triplet.margin": what `dmlcore describe` shows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from attrs import frozen

from dmlcore.api.components import KINDS, USE
from dmlcore.errors import UnknownComponentError
from dmlcore.host.describe import OptionDescription, option_lines, options, summary, text
from dmlcore.host.registry import Offer, Registry
from dmlcore.study.schema import Study
from dmlcore.study.tables import TABLES
from dmlcore.text import did_you_mean, listing, with_article


def explain(path: str, registry: Registry, kind: str | None = None) -> str:
    """The help for a kind ("loss"), a component ("triplet"), a table ("training") or an option ("triplet.miner").

    With a kind, only its components are searched. Raises UnknownComponentError, with similar names, if nothing has
    the name.
    """
    if kind is not None and kind not in KINDS:
        raise UnknownComponentError(f"There is no kind {kind!r}.{did_you_mean(kind, KINDS)} Known: {listing(KINDS)}.")
    keys, beginnings = _keys(path), list(_beginnings(registry, kind))
    first = [place for known, place in beginnings if known == keys[0]]
    if not first:
        known = sorted({name for name, _ in beginnings})
        raise UnknownComponentError(
            f"{f'No {kind}' if kind else 'Nothing'} is named {keys[0]!r}.{did_you_mean(keys[0], known)}"
            " See `dmlcore list-plugins`."
        )
    texts = [_shown(place, registry) for place in _inside(first, keys, registry)]
    kinds = list(dict.fromkeys(place.component.kind for place in first if isinstance(place, Offer)))
    if len(kinds) > 1:
        words = listing(map(with_article, kinds))
        texts.insert(0, f"{keys[0]} is the name of {words}. To see one: dmlcore describe {kinds[0]} {path}")
    return "\n\n".join(texts)


@frozen
class _Kind:
    name: str


@frozen
class _Table:
    """A table of the study file."""

    name: str
    cls: type


@frozen
class _Option:
    owner: str
    option: OptionDescription


_Place = _Kind | _Table | Offer | _Option


def _inside(found: list[_Place], keys: list[str], registry: Registry) -> list[_Place]:
    """The places that a path leads to from those of its first key."""
    for owner, key in pairwise(keys):
        inner = list(dict.fromkeys(option for place in found for option in _options(place, registry)))
        found = [option for option in inner if option.option.name == key]
        if not found:
            known = sorted({option.option.name for option in inner})
            hint = did_you_mean(key, known) or f" Known: {listing(known) or 'no options'}."
            raise UnknownComponentError(f"{owner} has no option {key!r}.{hint}")
    return found


def _keys(path: str) -> list[str]:
    """ "evaluators.0.recall_at" → "evaluators", "recall_at"; a distribution before a slash keeps its dots."""
    distribution, slash, rest = path.rpartition("/")
    first, *others = rest.split(".")
    return [distribution + slash + first, *(key for key in others if not key.isdecimal())]


def _beginnings(registry: Registry, kind: str | None) -> Iterator[tuple[str, _Place]]:
    """The names that a path can start with."""
    if kind is None:
        for name, cls in TABLES.items():
            yield name, _Table(name, cls)
        for name in KINDS:
            yield name, _Kind(name)
        for option in options(Study):
            if option.name not in (*TABLES, *KINDS):
                yield option.name, _Kind(option.kinds[0]) if option.kinds else _Option("study", option)
    for offer in registry.offers if kind is None else registry.of_kind(kind):
        yield offer.component.name, offer
        yield offer.full_name, offer


def _options(place: _Place, registry: Registry) -> Iterator[_Option]:
    """The options that a path can continue with."""
    owners: list[tuple[str, type]]
    match place:
        case _Kind():
            owners = [(offer.component.name, offer.component) for offer in registry.of_kind(place.name)]
        case _Table():
            owners = [(place.name, place.cls)]
        case Offer():
            owners = [(place.component.name, place.component)]
        case _Option():
            for kind in place.option.kinds:
                yield from _options(_Kind(kind), registry)
            owners = [(f"{place.owner}.{place.option.name}", cls) for cls in place.option.tables]
    for owner, cls in owners:
        yield from (_Option(owner, option) for option in options(cls))


def _shown(place: _Place, registry: Registry) -> str:
    offered = {kind: [offer.component.name for offer in registry.of_kind(kind)] for kind in KINDS}
    match place:
        case _Kind():
            return "\n\n".join(
                [summary(KINDS[place.name]), *_written(place.name, registry), _offers(place.name, registry)]
            )
        case _Table():
            return f"[{place.name}]\n\n{text(place.cls, offered, inner=place.cls is not Study)}"
        case Offer():
            source = f"{place.source.distribution} {place.source.version}"
            title = f"{place.component.kind} {place.component.name}  [{source}]"
            return f"{title}\n\n{text(place.component, offered)}"
        case _Option():
            lines = "\n".join(option_lines(place.option, {}))
            lists = [f"{kind.capitalize()}:\n\n{_offers(kind, registry)}" for kind in place.option.kinds]
            return "\n\n".join([f"{place.owner}.{lines}", *lists])


def _offers(kind: str, registry: Registry) -> str:
    """The installed components of a kind, with their summaries."""
    rows = [(offer.component.name, summary(offer.component)) for offer in registry.of_kind(kind)]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"  {name:<{width}}  {about}" for name, about in rows) or f"  no {kind} is installed"


def _written(kind: str, registry: Registry) -> Iterator[str]:
    """How a study names a component of a kind, and which components have an option of this kind."""
    name = next((offer.component.name for offer in registry.of_kind(kind)), "…")
    takers = [
        (offer.component, option)
        for offer in registry.offers
        for option in options(offer.component)
        if kind in option.kinds
    ]
    top = {taken: option for option in options(Study) for taken in option.kinds}
    if kind in top:
        key = top[kind].name
        header = f"[[{key}]]" if top[kind].is_list else f"[{key}]"
        yield f'In a study:\n\n  {header}\n  {USE} = "{name}"'
    elif takers:
        owner, option = takers[0]
        table = f'{option.name} = {{ {USE} = "{name}" }}'
        yield f"In a study, in the table of {with_article(owner.kind)}:\n\n  {table}"
    if takers:
        yield f"Used by {listing(f'{owner.name}.{option.name}' for owner, option in takers)}."
