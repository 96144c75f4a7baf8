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
    """Check studies and their data, without training.

    Prints the images, the steps of an epoch, the smallest usable batch size and the state of each run.
    """
    from dmlcore.engine.preflight import preflight
    from dmlcore.errors import StudyError, TrainingError

    files, _, store, data_sets = open_studies(studies, overrides, root, echo)
    try:
        for file in files:
            for line in preflight(file, store, data_sets):
                echo(line)
    except TrainingError as error:  # nothing was trained: the study's settings are the mistake
        raise StudyError(str(error)) from None
