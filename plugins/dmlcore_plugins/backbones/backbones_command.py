"""`dmlcore backbones`: the networks of timm by name."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dmlcore import hookimpl


def _completions(_context: click.Context, _argument: click.Parameter, text: str) -> list[str]:
    """Names that start with the text, for shell completion."""
    from dmlcore_plugins.backbones.timm_index import index

    return [name for name in index().networks if name.startswith(text)]


@click.command()
@click.argument("pattern", default="*", shell_complete=_completions)
def backbones(pattern: str) -> None:
    """List the networks of timm, for the option `model` of the backbone `timm`.

    PATTERN may contain * and ?, such as "vit_small*"; without them it matches anywhere in the name. Each line has the
    name, the side of the images, and the license of the weights as timm gives it.
    """
    from dmlcore_plugins.backbones.timm_index import index

    names = index().matching(pattern)
    width = max(map(len, names))
    for name in names:
        size, license_name = index().networks[name].size_and_license()
        click.echo(f"{name:<{width}}  {size:<14}  {license_name}")


@hookimpl
def dmlcore_register_commands() -> Sequence[click.Command]:
    return [backbones]
