"""`dmlcore check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import RUNS, SET, STUDIES, open_studies
from dmlcore.commands.output import echo


@click.command()
@STUDIES
@SET
@RUNS
def check(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Check studies, their networks and their data, without training.

    Prints the images, the steps of an epoch, the smallest usable batch size and the state of each run; a line for each
    grid point only where they differ. Studies without mistakes come first.
    """
    from dmlcore.engine.preflight import preflight, states, together
    from dmlcore.errors import DmlcoreError

    files, _, store, data_sets = open_studies(studies, overrides, root, echo)
    errors: dict[str, DmlcoreError] = {}
    for file in files:
        try:
            for line in preflight(file, data_sets):
                echo(line)
            for line in states(file, store):
                echo(line)
        except DmlcoreError as error:
            errors[str(file.path)] = error
    if errors:
        raise errors.popitem()[1] if len(files) == 1 else together(errors)
