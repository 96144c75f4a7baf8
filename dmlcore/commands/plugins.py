"""`dmlcore list-plugins` and `dmlcore describe`."""

from __future__ import annotations

import click

from dmlcore.commands.options import installed


@click.command("list-plugins")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of plugins that failed.")
def list_plugins(verbose: bool) -> None:
    """List every installed component and the plugin that it comes from."""
    from dmlcore.components import KINDS
    from dmlcore.describe import summary
    from dmlcore.discovery import discover
    from dmlcore.registry import Registry

    plugins = discover()
    registry = Registry.of(plugins)
    rows = {
        kind: [(o.component.name, o.source.distribution, o.source.version, summary(o.component)) for o in offers]
        for kind in KINDS
        if (offers := list(registry.of_kind(kind)))
    }
    widths = [max(len(row[column]) for kind in rows for row in rows[kind]) for column in range(3)] if rows else []
    for kind, lines in rows.items():
        click.secho(kind, bold=True)
        for *columns, about in lines:
            aligned = (f"{text:<{width}}" for text, width in zip(columns, widths, strict=True))
            click.echo(f"  {'  '.join(aligned)}  {about}")
    for failed in plugins.failed:
        click.secho(f"not usable: {failed.source.key} {failed.source.version}", fg="red")
        click.echo(f"  {failed.reason}")
        if verbose:
            click.echo(failed.traceback)


@click.command()
@click.argument("path")
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
