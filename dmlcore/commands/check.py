"""`dmlcore check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import RUNS, SET, STUDIES, installed, unresolved_note


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
    from dmlcore.results.store import Store
    from dmlcore.study.load import load_study

    registry = installed(studies, overrides)
    for path in studies:
        file = load_study(path, registry, overrides)
        if file.needs:
            click.echo(unresolved_note(path))
        try:
            for line in preflight(file, Store(root)):
                click.echo(line)
        except TrainingError as error:  # nothing was trained: the study's settings are the mistake
            raise StudyError(str(error)) from None
