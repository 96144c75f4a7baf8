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


def _names(_context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """What `describe` explains and begins so, for the completion of the shell."""
    from dmlcore.study.tables import TABLES

    names = {*TABLES, *(offer.component.name for offer in installed().offers)}
    return sorted(name for name in names if name.startswith(begun))


@click.command()
@click.argument("name", shell_complete=_names)
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
