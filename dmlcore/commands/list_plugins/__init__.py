"""`dmlcore list-plugins`."""

from __future__ import annotations

import click

from dmlcore.commands.output import echo


@click.command("list-plugins")
@click.option("-v", "--verbose", is_flag=True, help="Show the tracebacks of plugins that failed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_plugins(verbose: bool, as_json: bool) -> None:
    """List the installed components and plugins."""
    from dmlcore.commands.list_plugins import table
    from dmlcore.host.discovery import discover

    plugins = discover()
    if as_json:
        echo(table.as_json(plugins))
    else:
        table.show(plugins, verbose)
