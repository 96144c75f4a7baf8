"""`dmlcore describe`."""

from __future__ import annotations

import click

from dmlcore.commands.options import installed
from dmlcore.commands.output import echo


def _names(_context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """The names that complete what was typed, for the shell."""
    from dmlcore.study.tables import TABLES

    names = {*TABLES, *(offer.component.name for offer in installed().offers)}
    return sorted(name for name in names if name.startswith(begun))


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[KIND] NAME", shell_complete=_names)
def describe(words: tuple[str, ...]) -> None:
    """Explain a component, a table, or an option.

    NAME is a component, a kind of component, a table of the study file, or an option of one of these.

    If several kinds have a component of the same name, all are shown; give the kind to see one.

    \b
    dmlcore describe loss                 all losses
    dmlcore describe triplet              one component
    dmlcore describe loss triplet         the loss of that name only
    dmlcore describe triplet.miner        one option and its values
    dmlcore describe training             a table of the study file
    dmlcore describe training.batch_size  one of its options
    """
    from dmlcore.study.paths import explain

    if len(words) > 2:
        raise click.UsageError("Give a name, or a kind and a name.")
    echo(explain(words[-1], installed(), words[0] if len(words) == 2 else None))
