"""The list of what is installed: components by kind, then distributions with their state."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from dmlcore import API_VERSION, __version__
from dmlcore.api.components import KINDS
from dmlcore.host.describe import summary
from dmlcore.host.discovery import FailedPlugin, LoadedPlugin, PluginSet
from dmlcore.host.distributions import PluginSource
from dmlcore.host.registry import Offer, Registry
from dmlcore.text import counted

AMBIGUOUS = "ambiguous"


def show(plugins: PluginSet, verbose: bool) -> None:
    """Prints the list, with lines cut to the width of a terminal. `verbose` adds tracebacks."""
    registry = Registry.of(plugins)
    width = shutil.get_terminal_size((100, 24)).columns if is_terminal() else None
    rows = {kind: [_component(offer, registry) for offer in registry.of_kind(kind)] for kind in KINDS}
    _show_columns({kind: offers for kind, offers in rows.items() if offers}, width)
    sources = (plugin.source for plugin in _all(plugins))
    distributions = dict.fromkeys((source.distribution, source.version, source.origin) for source in sources)
    _show_columns(
        {"plugins": [(f"{n} {version}", origin, _states(plugins, n)) for n, version, origin in distributions]}, width
    )
    for key, state, text in _not_ok(plugins, registry):
        click.secho(f"  {state}: {key}", fg="red" if state == "failed" else "yellow")
        click.echo(f"      {text}")
        if verbose and state == "failed":
            click.echo(_traceback(plugins, key))
    if any(plugin.traceback for plugin in plugins.failed) and not verbose:
        click.echo("  To see the tracebacks: dmlcore list-plugins --verbose")


def is_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def as_json(plugins: PluginSet) -> str:
    """The list as JSON: one entry per plugin, with its components."""
    registry = Registry.of(plugins)
    states = [(plugin.source, "failed", plugin.reason, ()) for plugin in plugins.failed]
    states += [(plugin.source, "disabled", f"by {plugin.by}", ()) for plugin in plugins.disabled]
    entries = [_entry(*state) for state in states]
    for plugin in plugins.loaded:
        offers = [Offer(component, plugin.source) for component in plugin.components]
        entry = _entry(plugin.source, _state(plugin), "", plugin.remarks)
        entry["components"] = [
            {
                "kind": offer.component.kind,
                "name": offer.component.name,
                "full_name": offer.full_name,
                "summary": summary(offer.component),
                AMBIGUOUS: registry.is_ambiguous(offer),
            }
            for offer in offers
        ]
        entries.append(entry)
    entries.sort(key=lambda entry: entry["key"])
    return json.dumps({"dmlcore": __version__, "api": API_VERSION, "plugins": entries}, indent=1, ensure_ascii=False)


def _entry(source: PluginSource, status: str, reason: str, remarks: Sequence[str]) -> dict[str, Any]:
    return {
        "key": source.key,
        "distribution": source.distribution,
        "version": source.version,
        "entry_point": source.entry_point,
        "origin": source.origin,
        "status": status,
        "reason": reason,
        "remarks": list(remarks),
        "components": [],
    }


def _component(offer: Offer, registry: Registry) -> tuple[str, str, str]:
    """Its name in a study, its distribution with version, and its summary."""
    name = offer.full_name if registry.is_ambiguous(offer) else offer.component.name
    return name, f"{offer.source.distribution} {offer.source.version}", summary(offer.component)


def _states(plugins: PluginSet, distribution: str) -> str:
    """ "ok", or the number of a distribution's plugins in each state."""
    states = [_state(plugin) for plugin in _all(plugins) if plugin.source.distribution == distribution]
    if set(states) == {"ok"}:
        return "ok" if len(states) == 1 else f"ok, {counted(len(states), 'plugin')}"
    if len(states) == 1:
        return states[0]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _not_ok(plugins: PluginSet, registry: Registry) -> Iterator[tuple[str, str, str]]:
    """Key, state and explanation of everything that is not simply ok."""
    for failed in plugins.failed:
        yield failed.source.key, "failed", failed.reason
    for disabled in plugins.disabled:
        yield disabled.source.key, "disabled", f"by {disabled.by}"
    for loaded in plugins.loaded:
        for remark in loaded.remarks:
            state, _, text = remark.partition(": ") if remark.startswith("deprecated: ") else ("ok, but", "", remark)
            yield loaded.source.key, state, text
    for offer in registry.offers:
        if registry.is_ambiguous(offer):
            what = f"{offer.component.kind} {offer.component.name}"
            yield offer.full_name, AMBIGUOUS, f"several distributions have the {what}; use the full name in studies"


def _all(plugins: PluginSet) -> Sequence[Any]:
    return sorted((*plugins.loaded, *plugins.failed, *plugins.disabled), key=lambda plugin: plugin.source.key)


def _state(plugin: Any) -> str:
    if isinstance(plugin, LoadedPlugin):
        return "deprecated" if any(remark.startswith("deprecated: ") for remark in plugin.remarks) else "ok"
    return "failed" if isinstance(plugin, FailedPlugin) else "disabled"


def _traceback(plugins: PluginSet, key: str) -> str:
    return next(plugin.traceback for plugin in plugins.failed if plugin.source.key == key)


def _show_columns(rows: Mapping[str, Sequence[tuple[str, str, str]]], width: int | None) -> None:
    """Rows under headings, all in the same columns; longer lines are cut."""
    all_rows = [row for heading in rows for row in rows[heading]]
    first, second = (max((len(row[column]) for row in all_rows), default=0) for column in (0, 1))
    for heading in rows:
        click.secho(heading, bold=True)
        for one, two, three in rows[heading]:
            line = f"  {one:<{first}}  {two:<{second}}  {three}"
            click.echo(line if width is None or len(line) <= width else f"{line[: width - 1]}…")
