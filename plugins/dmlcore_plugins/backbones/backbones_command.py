"""`dmlcore backbones`: the networks of timm by name."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dmlcore import hookimpl


def _begun(_context: click.Context, _argument: click.Parameter, text: str) -> list[str]:
    """Names that begin so, for the completion of the shell."""
    from dmlcore_plugins.backbones.timm_names import names_like

    return names_like(f"{text}*")


@click.command()
@click.argument("pattern", default="*", shell_complete=_begun)
def backbones(pattern: str) -> None:
    """List the networks of timm, for the option `model` of the backbone `timm`.

    PATTERN may hold * and ?, such as "vit_small*"; without them it may stand anywhere in the name. Beside each name:
    the side of its images, and the licence of its weights in timm's words.
    """
    from dmlcore_plugins.backbones.timm_names import facts_of, matching

    rows = [facts_of(name) for name in matching(pattern)]
    width = max(len(row.name) for row in rows)
    for row in rows:
        click.echo(f"{row.name:<{width}}  {row.size:<14}  {row.licence}")


@hookimpl
def dmlcore_register_commands() -> Sequence[click.Command]:
    return [backbones]
