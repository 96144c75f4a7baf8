"""`dmlcore new-plugin`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from dmlcore.api.components import KINDS
from dmlcore.commands.options import PATH, installed


@click.command("new-plugin")
@click.argument("name")
@click.option("--kind", type=click.Choice(sorted(KINDS)), required=True, help="What the plugin's component is.")
@click.option("--into", type=PATH, default=Path(), metavar="DIR", help="Where the package's folder goes.  [default: .]")
@click.option("--author", metavar="NAME", help="Who holds the licence.  [default: who git commits as]")
def new_plugin(name: str, kind: str, into: Path, author: str | None) -> None:
    """Write a package with a component that works, its tests and a study: to change, and to publish.

    NAME is what a study will write after `use`, such as soft_wedge; the package is dmlcore-soft-wedge.
    """
    from dmlcore.commands.new_plugin import package as packages

    plugin = packages.new_plugin(name, kind, author, installed())
    folder = packages.write_plugin(plugin, into)
    place = f"./{folder.as_posix()}" if not folder.is_absolute() else folder.as_posix()
    study = folder / "studies" / f"{plugin.name}.toml"
    click.echo(f"Written: {folder}. What comes next:\n")
    click.echo(f"    pip install -e {shlex.quote(f'{place}[dev]')}")
    click.echo(f"    dmlcore run {shlex.quote(study.as_posix())}")
    click.echo(f"    pytest {shlex.quote(folder.as_posix())}")
