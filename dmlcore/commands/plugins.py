"""`dmlcore list-plugins` and `dmlcore describe`."""

from __future__ import annotations

import click

from dmlcore.commands.options import installed


@click.command("list-plugins")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of plugins that failed.")
@click.option("--json", "for_tools", is_flag=True, help="Print all of it as JSON.")
def list_plugins(verbose: bool, for_tools: bool) -> None:
    """List every installed component, and the plugins that they come from with their state."""
    from dmlcore.commands.plugin_table import as_json, show
    from dmlcore.discovery import discover

    plugins = discover()
    if for_tools:
        click.echo(as_json(plugins))
    else:
        show(plugins, verbose)


@click.command()
@click.argument("name")
def describe(name: str) -> None:
    """Explain a component, or a table of the study file such as `training`, and its options."""
    from dmlcore import describe as descriptions
    from dmlcore.errors import UnknownComponentError
    from dmlcore.study.tables import TABLES
    from dmlcore.wording import did_you_mean

    registry = installed()
    found = [o for o in registry.offers if name in (o.component.name, o.full_name)]
    if name in TABLES:
        click.echo(f"[{name}]\n\n{descriptions.text(TABLES[name])}")
    for offer in found:
        source = f"{offer.source.distribution} {offer.source.version}"
        click.echo(f"{offer.component.kind} {offer.component.name}  [{source}]\n\n{descriptions.text(offer.component)}")
    if not found and name not in TABLES:
        known = [*TABLES, *(offer.component.name for offer in registry.offers)]
        raise UnknownComponentError(
            f"nothing is named {name!r}.{did_you_mean(name, known)} See `dmlcore list-plugins`."
        )
