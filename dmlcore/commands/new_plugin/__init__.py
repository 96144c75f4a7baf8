"""`dmlcore new-plugin`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from dmlcore.api.components import KINDS
from dmlcore.commands.options import PATH, installed
from dmlcore.commands.output import echo


@click.command("new-plugin")
@click.argument("name")
@click.option("--kind", type=click.Choice(sorted(KINDS)), required=True, help="Kind of the component.")
@click.option("--into", type=PATH, default=Path(), metavar="DIR", help="Parent folder of the package.  [default: .]")
@click.option("--author", metavar="NAME", help="Holder of the license.  [default: git's user.name]")
def new_plugin(name: str, kind: str, into: Path, author: str | None) -> None:
    """Create the package of a new plugin.

    It has a component that works, its tests and a study, for you to change and publish. NAME is the component's name
    in a study, such as soft_wedge; the package is then dmlcore-soft-wedge.
    """
    from dmlcore.commands.new_plugin import package as packages

    plugin = packages.new_plugin(name, kind, author, installed())
    folder = packages.write_plugin(plugin, into)
    place = f"./{folder.as_posix()}" if not folder.is_absolute() else folder.as_posix()
    study = folder / "studies" / f"{plugin.name}.toml"
    echo(f"Created {folder}. Next steps:\n")
    echo(f"    pip install -e {shlex.quote(f'{place}[dev]')}")
    echo(f"    dmlcore run {shlex.quote(study.as_posix())}")
    echo(f"    pytest {shlex.quote(folder.as_posix())}")
