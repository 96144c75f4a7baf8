"""`dmlcore run`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.api.progress import shown_on
from dmlcore.api.progress_bar import ProgressBar
from dmlcore.commands.options import RUNS, SET, STUDIES, installed
from dmlcore.commands.report import show_report

if TYPE_CHECKING:
    from dmlcore.host.registry import Registry
    from dmlcore.results.store import Store
    from dmlcore.study.schema import StudyFile


@click.command()
@STUDIES
@SET
@RUNS
@click.option("--smoke", is_flag=True, help="Only try every stage: two training steps, random weights, few images.")
@click.option(
    "--observer",
    "observers",
    multiple=True,
    default=("console",),
    show_default=True,
    metavar="NAME",
    help="Who watches beside the study's own observers. Repeatable.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Runs made at once, each with its share of the processor. The others are silent.",
)
def run(
    studies: Sequence[Path],
    overrides: Sequence[str],
    root: Path,
    smoke: bool,
    observers: Sequence[str],
    processes: int,
) -> None:
    """Make the probes and runs of study files; finished ones are kept, stopped ones go on."""
    from dmlcore.commands.processes import helped_by
    from dmlcore.results.store import Store
    from dmlcore.study.best import in_order_of_need
    from dmlcore.study.load import load_study, smoke_study

    registry = installed(studies, overrides)
    files = in_order_of_need(load_study(path, registry, overrides) for path in studies)
    if smoke:
        files = [smoke_study(file, registry) for file in files]
        store = Store(root / ".smoke")
        for file in files:
            store.forget(file.study.name)
        good = [_run(file, store, observers, registry) for file in files]
        click.echo("A smoke run shows that every stage works; its numbers mean nothing.")
    else:
        store = Store(root)
        with helped_by(processes - 1, [file.path for file in files], overrides, root):
            good = [
                _run(load_study(file.path, registry, overrides, store), store, observers, registry) for file in files
            ]
    if not all(good):
        raise SystemExit(1)


def _run(file: StudyFile, store: Store, names: Sequence[str], registry: Registry) -> bool:
    """Makes the probe and the runs of one study and shows its table; False where runs failed."""
    from rich.console import Console

    from dmlcore.engine.probe.probing import probe_study
    from dmlcore.engine.runner import Failure, run_study

    if file.probe is not None:
        with shown_on(ProgressBar(Console())):
            probe_study(file.probe, store)
    own = {observer.name for observer in file.study.observers}
    added = [registry.find("observer", name).component() for name in names if name not in own]
    outcomes = list(run_study(file.runs, store, [*file.study.observers, *added]))  # type: ignore[list-item]
    show_report(file, store)
    return not any(isinstance(outcome, Failure) for outcome in outcomes)
