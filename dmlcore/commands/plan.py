"""`dmlcore plan`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.api.progress import report_progress, work
from dmlcore.commands.options import RUNS, SET, STUDIES, installed
from dmlcore.errors import StudyError
from dmlcore.text import byte_size, counted, duration, point_label

if TYPE_CHECKING:
    from rich.table import Table

    from dmlcore.engine.plan.planning import Item, Measurement, StudyPlan
    from dmlcore.host.registry import Registry
    from dmlcore.results.store import Store
    from dmlcore.study.schema import StudyFile

COLUMNS = ("runs", "finished", "steps left", "images left", "time a run", "time left", "memory", "disk")


@click.command()
@STUDIES
@SET
@RUNS
def plan(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Tell what is still to be made, and about how long it takes here.

    A few real steps of each distinct setting are timed on this machine; nothing is stored.
    """
    from rich.console import Console

    from dmlcore.engine.plan.planning import Planner
    from dmlcore.results.store import Store

    registry, store = installed(studies, overrides), Store(root)
    files = [_loaded(path, registry, overrides, store) for path in studies]
    planner = Planner(store)
    console = Console(width=None if sys.stdout.isatty() else 160)
    plans = []
    with work("timing a few training steps", len(files), "study file"):
        for file in files:
            plans.append(planner.plan(file))
            report_progress(len(plans))
    console.print(_table(plans))
    for measurement in planner.measurements:
        console.print(_measured(measurement), markup=False, highlight=False, soft_wrap=True)
    console.print(
        "Time, memory and disk are estimates; while it trains, a run keeps about three networks more on disk."
    )


def _loaded(path: Path, registry: Registry, overrides: Sequence[str], store: Store) -> StudyFile:
    """The study with the best values that are known; while they are not, any value stands for them."""
    from dmlcore.study.load import load_study

    try:
        return load_study(path, registry, overrides, store)
    except StudyError:
        file = load_study(path, registry, overrides)  # raises again what has to do with no result
    click.echo(f"{path}: any value of the grids of [best] stands for the best one here")
    return file


def _table(plans: Iterable[StudyPlan]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("study")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    everything: list[Item] = []
    for study in plans:
        table.add_row(study.study, style="bold")
        for item in study.items:
            table.add_row(f"  {item.label}", *_cells(item), style="dim" if item.finished == item.runs else None)
        everything += study.items
    table.add_section()
    table.add_row("all", *_total(everything), style="bold")
    return table


def _cells(item: Item) -> list[str]:
    return [
        f"{item.runs:,}",
        f"{item.finished:,}",
        f"{item.steps:,}",
        f"{item.images:,}",
        "–" if item.seconds_each is None else duration(item.seconds_each),
        duration(item.seconds_left),
        _bytes(item.memory),
        _bytes(item.disk),
    ]


def _total(items: Sequence[Item]) -> list[str]:
    """Sums; of memory the most, because one run is made after another."""
    return [
        f"{sum(item.runs for item in items):,}",
        f"{sum(item.finished for item in items):,}",
        f"{sum(item.steps for item in items):,}",
        f"{sum(item.images for item in items):,}",
        "",
        duration(sum(item.seconds_left for item in items)),
        _bytes(max((item.memory for item in items if item.memory is not None), default=None)),
        _bytes(sum(item.disk for item in items)),
    ]


def _bytes(number: int | None) -> str:
    return "–" if number is None else byte_size(number)


def _measured(measurement: Measurement) -> str:
    """What was timed, with which settings."""
    study, pace = measurement.run.study, measurement.pace
    size = study.training.batch_size
    weights = f" Weights: {pace.weights}." if pace.weights else ""
    return (
        f"Measured: {point_label({'backbone': measurement.run.settings['backbone'], 'loss': study.loss.name})},"
        f" {pace.step_seconds:.3g} s a step of {counted(size, 'image')}, {1000 * pace.image_seconds:.3g} ms an image"
        f" embedded, {duration(pace.measurement_seconds(pace.test_images))} to embed and measure"
        f" {pace.test_images:,} test images.{weights}"
    )
