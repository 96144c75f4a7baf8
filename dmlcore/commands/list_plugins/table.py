"""The list of what is installed: components by kind, then distributions with their state."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence

import attrs
from attrs import frozen

from dmlcore import API_VERSION, __version__
from dmlcore.api.components import KINDS, Component
from dmlcore.commands.output import echo
from dmlcore.host.describe import summary
from dmlcore.host.discovery import PluginSet
from dmlcore.host.distributions import PluginSource
from dmlcore.host.registry import Offer, Registry
from dmlcore.text import counted

AMBIGUOUS = "ambiguous"
DEPRECATED = "deprecated: "
"""Begins such a remark."""


@frozen
class _Entry:
    """A plugin with its state."""

    source: PluginSource
    state: str
    reason: str = ""
    traceback: str = ""
    remarks: tuple[str, ...] = ()
    components: tuple[type[Component], ...] = ()


def _entries(plugins: PluginSet) -> list[_Entry]:
    loaded = [
        (plugin, "deprecated" if any(remark.startswith(DEPRECATED) for remark in plugin.remarks) else "ok")
        for plugin in plugins.loaded
    ]
    return [
        *(_Entry(plugin.source, "failed", plugin.reason, plugin.traceback) for plugin in plugins.failed),
        *(_Entry(plugin.source, "disabled", f"by {plugin.by}") for plugin in plugins.disabled),
        *(_Entry(p.source, state, remarks=tuple(p.remarks), components=tuple(p.components)) for p, state in loaded),
    ]


def show(plugins: PluginSet, verbose: bool) -> None:
    """Print the list, with lines cut to the width of a terminal. `verbose` adds tracebacks."""
    registry, entries = Registry.of(plugins), _entries(plugins)
    width = shutil.get_terminal_size((100, 24)).columns if is_terminal() else None
    rows = {kind: [_component(offer, registry) for offer in registry.of_kind(kind)] for kind in KINDS}
    _show_columns({kind: offers for kind, offers in rows.items() if offers}, width)
    states: dict[tuple[str, str], list[str]] = {}
    for entry in sorted(entries, key=lambda entry: entry.source.key):
        source = entry.source
        states.setdefault((f"{source.distribution} {source.version}", source.origin), []).append(entry.state)
    _show_columns({"plugins": [(*names, _summed_up(found)) for names, found in states.items()]}, width)
    for key, state, text in _not_ok(entries, registry, verbose):
        echo(f"  {state}: {key}", fg="red" if state == "failed" else "yellow")
        echo(f"      {text}")
    if any(entry.traceback for entry in entries) and not verbose:
        echo("  To see the tracebacks: dmlcore list-plugins --verbose")


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def as_json(plugins: PluginSet) -> str:
    """The list as JSON: one entry per plugin, with its components."""
    registry = Registry.of(plugins)
    listed = [
        {
            "key": entry.source.key,
            **attrs.asdict(entry.source),
            "status": entry.state,
            "reason": entry.reason,
            "remarks": entry.remarks,
            "components": [_facts(Offer(component, entry.source), registry) for component in entry.components],
        }
        for entry in sorted(_entries(plugins), key=lambda entry: entry.source.key)
    ]
    return json.dumps({"dmlcore": __version__, "api": API_VERSION, "plugins": listed}, indent=1, ensure_ascii=False)


def _facts(offer: Offer, registry: Registry) -> dict[str, object]:
    return {
        "kind": offer.component.kind,
        "name": offer.component.name,
        "full_name": offer.full_name,
        "summary": summary(offer.component),
        AMBIGUOUS: registry.is_ambiguous(offer),
    }


def _component(offer: Offer, registry: Registry) -> tuple[str, str, str]:
    """Its name in a study, its distribution with version, and its summary."""
    name = offer.full_name if registry.is_ambiguous(offer) else offer.component.name
    return name, f"{offer.source.distribution} {offer.source.version}", summary(offer.component)


def _summed_up(states: Sequence[str]) -> str:
    """ "ok", or the number of a distribution's plugins in each state."""
    if len(states) == 1:
        return states[0]
    if set(states) == {"ok"}:
        return f"ok, {counted(len(states), 'plugin')}"
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _not_ok(entries: Sequence[_Entry], registry: Registry, verbose: bool) -> Iterator[tuple[str, str, str]]:
    """Key, state and explanation of everything that is not simply ok."""
    for entry in entries:
        if entry.reason:
            details = f"\n{entry.traceback}" if verbose and entry.traceback else ""
            yield entry.source.key, entry.state, entry.reason + details
        for remark in entry.remarks:
            text = remark.removeprefix(DEPRECATED)
            yield entry.source.key, "ok, but" if text == remark else entry.state, text
    for offer in registry.offers:
        if registry.is_ambiguous(offer):
            what = f"{offer.component.kind} {offer.component.name}"
            yield offer.full_name, AMBIGUOUS, f"several distributions have the {what}; use the full name in studies"


def _show_columns(rows: Mapping[str, Sequence[tuple[str, str, str]]], width: int | None) -> None:
    """Rows under headings, all in the same columns; longer lines are cut."""
    all_rows = [row for heading in rows for row in rows[heading]]
    first, second = (max((len(row[column]) for row in all_rows), default=0) for column in (0, 1))
    for heading in rows:
        echo(heading, bold=True)
        for one, two, three in rows[heading]:
            line = f"  {one:<{first}}  {two:<{second}}  {three}"
            echo(line if width is None or len(line) <= width else f"{line[: width - 1]}…")
