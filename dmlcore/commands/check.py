"""`dmlcore check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from dmlcore.commands.options import RUNS, SET, STUDIES, installed


@click.command()
@STUDIES
@SET
@RUNS
def check(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Look over study files and their data before anything is trained."""
    from dmlcore.engine.preflight import preflight
    from dmlcore.results.store import Store
    from dmlcore.study.load import load_study

    registry = installed(studies, overrides)
    for path in studies:
        file = load_study(path, registry, overrides)
        if file.needs:
            click.echo(f"{path}: any value of the grids of [best] stands for the best one here")
        for line in preflight(file, Store(root)):
            click.echo(line)
