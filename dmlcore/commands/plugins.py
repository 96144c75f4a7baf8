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
    from dmlcore.host.discovery import discover

    plugins = discover()
    if for_tools:
        click.echo(as_json(plugins))
    else:
        show(plugins, verbose)


def _names(_context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """What `describe` explains and begins so, for the completion of the shell."""
    from dmlcore.study.tables import TABLES

    names = {*TABLES, *(offer.component.name for offer in installed().offers)}
    return sorted(name for name in names if name.startswith(begun))


@click.command()
@click.argument("path", shell_complete=_names)
def describe(path: str) -> None:
    """Explain a component, a kind of component, a table of the study file, or one option of these.

    \b
    dmlcore describe loss                 all losses
    dmlcore describe triplet              one component
    dmlcore describe triplet.miner        one option, and what it takes
    dmlcore describe training             a table of the study file
    dmlcore describe training.batch_size  one option of it
    """
    from dmlcore.study.paths import explain

    click.echo(explain(path, installed()))
