"""`dmlcore run`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.commands.options import RUNS, SET, STUDIES, installed, open_studies
from dmlcore.commands.output import console, quiet, say, show_remarks
from dmlcore.commands.report import show_report

if TYPE_CHECKING:
    from dmlcore.api.components import ObserverConfig
    from dmlcore.results.store import Store
    from dmlcore.study.data_sets import DataSets
    from dmlcore.study.schema import StudyFile


@click.command()
@STUDIES
@SET
@RUNS
@click.option(
    "--only",
    multiple=True,
    metavar="RUN",
    help="Run only this run, given by its name, its label or one of its values, such as embedding.dim=64 or seed=0."
    " Repeatable.",
)
@click.option(
    "--smoke", is_flag=True, help="Try every stage of the first run: two training steps, random weights, few images."
)
@click.option(
    "--observer",
    "observers",
    multiple=True,
    default=("console",),
    show_default=True,
    metavar="NAME",
    help="Additional observers. Repeatable.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of runs at the same time; they share the processor, and only the first shows its progress.",
)
def run(
    studies: Sequence[Path],
    overrides: Sequence[str],
    root: Path,
    only: Sequence[str],
    smoke: bool,
    observers: Sequence[str],
    processes: int,
) -> None:
    """Run studies.

    Finished runs are skipped, interrupted ones resume; a run starts again if its files have changed. Exit code 1 if a
    run fails, 3 if images are missing.
    """
    from dmlcore.api.components import ObserverConfig
    from dmlcore.commands.run.processes import helper_processes
    from dmlcore.commands.run.selection import check_selection, selected
    from dmlcore.engine.preflight import require_ready
    from dmlcore.results.store import Store
    from dmlcore.study.best import in_order_of_need
    from dmlcore.study.component import component_from
    from dmlcore.study.data_sets import DataSets
    from dmlcore.study.load import load_study, smoke_study

    if smoke:  # its numbers mean nothing: neither best values nor the contents of files are needed
        registry, store, data_sets = installed(studies, overrides), Store(root / ".smoke"), DataSets()
        files = [load_study(path, registry, overrides) for path in studies]
    else:
        files, registry, store, data_sets = open_studies(studies, overrides, root)
    files = in_order_of_need(files)
    check_selection(files, only)
    named = [registry.find("observer", name).full_name for name in observers]
    added = [component_from(ObserverConfig, name, {}, registry) for name in named]
    if smoke:
        files = [smoke_study(selected(file, only), registry) for file in files]
        for file in files:
            store.forget(file.study.name)
        require_ready(files, store, data_sets)
        good = [_run(file, file, store, data_sets, added, overrides) for file in files]
        say("This smoke run shows that every stage works; its numbers mean nothing.")
    else:
        for sentence in require_ready([selected(file, only) for file in files], store, data_sets):
            say(sentence)
        good = []
        with helper_processes(processes - 1, [file.path for file in files], overrides, root, only):
            for path in [file.path for file in files]:
                file = load_study(path, registry, overrides, store, data_sets)
                wanted = selected(file, only)
                _announce(wanted, store)
                good.append(_run(file, wanted, store, data_sets, added, overrides))
    if not all(good):
        raise SystemExit(1)


def _announce(file: StudyFile, store: Store) -> None:
    """Prints which runs start again, because their files have changed."""
    from attrs import evolve

    from dmlcore.engine.plan.stored import remarks

    again = [remark for remark in remarks(file, store) if remark.state in ("outdated", "pending")]
    show_remarks(console(), [evolve(each, note=f"{each.note}; running again, in a new folder") for each in again])


def _run(
    file: StudyFile,
    wanted: StudyFile,
    store: Store,
    data_sets: DataSets,
    added: Sequence[ObserverConfig],
    overrides: Sequence[str],
) -> bool:
    """Runs the probe and the runs of `wanted` and shows the results of `file`; returns whether no run failed."""
    from dmlcore.api.progress import shown_on
    from dmlcore.api.progress_bar import ProgressBar
    from dmlcore.engine.probe.probing import probe_study
    from dmlcore.engine.runner import Failure, run_study

    if wanted.probe is not None:
        with shown_on(ProgressBar(console(pipe_width=None))):
            probe_study(wanted.probe, store)
    observers = {observer.name: observer for observer in [*added, *file.study.observers]}
    if quiet():
        observers.pop("console", None)
    outcomes = list(run_study(wanted.runs, store, list(observers.values())))
    show_report(file, store, data_sets, overrides)
    return not any(isinstance(outcome, Failure) for outcome in outcomes)
