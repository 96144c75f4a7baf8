"""`dmlcore plan`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmlcore.api.progress import report_progress, work
from dmlcore.commands.options import RUNS, SET, STUDIES, open_studies
from dmlcore.commands.output import console, echo, show_remarks
from dmlcore.text import byte_size, counted, duration, point_label

if TYPE_CHECKING:
    from rich.table import Table

    from dmlcore.engine.plan.pace import Pace
    from dmlcore.engine.plan.planning import Item
    from dmlcore.study.schema import Run

COLUMNS = ("runs", "finished", "steps left", "images left", "time per run", "time left", "memory", "disk")


@click.command()
@STUDIES
@SET
@RUNS
def plan(studies: Sequence[Path], overrides: Sequence[str], root: Path) -> None:
    """Estimate remaining runs, time, memory and disk.

    Times a few real steps of each distinct setting on this machine; nothing is stored.
    """
    from dmlcore.engine.plan.planning import Planner
    from dmlcore.engine.plan.stored import remarks

    files, _, store, data_sets = open_studies(studies, overrides, root, echo)
    planner, plans = Planner(store, data_sets), []
    with work("timing training steps", len(files), "study file"):
        for file in files:
            plans.append((file.study.name, planner.plan(file)))
            report_progress(len(plans))
    screen = console(pipe_width=160, requested=True)
    screen.print(_table(plans))
    show_remarks(screen, [remark for file in files for remark in remarks(file, store)])
    for run, pace in planner.measurements:
        screen.print(_timing(run, pace), markup=False, highlight=False, soft_wrap=True)
    screen.print("Time, memory and disk are estimates. While training, a run needs disk space for three more networks.")


def _table(plans: Sequence[tuple[str, Sequence[Item]]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    table.add_column("study")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    everything: list[Item] = []
    for study, items in plans:
        table.add_row(study, style="bold")
        for item in items:
            table.add_row(f"  {item.label}", *_cells(item), style="dim" if item.finished == item.runs else None)
        everything += items
    table.add_section()
    table.add_row("all", *_cells(_total(everything)), style="bold")
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


def _total(items: Sequence[Item]) -> Item:
    """Sums; for memory the maximum, because runs follow each other."""
    from dmlcore.engine.plan.planning import Item

    summed = ("runs", "finished", "steps", "images", "seconds_left", "disk")
    sums = {name: sum(getattr(item, name) for item in items) for name in summed}
    memory = max((item.memory for item in items if item.memory is not None), default=None)
    return Item(label="all", seconds_each=None, memory=memory, **sums)


def _bytes(number: int | None) -> str:
    return "–" if number is None else byte_size(number)


def _timing(run: Run, pace: Pace) -> str:
    """The measured times, with their settings."""
    weights = f" Weights: {pace.weights}." if pace.weights else ""
    study = run.study
    loss = {"loss": study.loss.name} if study.loss else {}
    steps = (
        f" {pace.step_seconds:.3g} s per step of {counted(study.training.batch_size, 'image')}," if study.trains else ""
    )
    return (
        f"Timed: {point_label({'backbone': run.settings['backbone'], **loss})},{steps}"
        f" {1000 * pace.image_seconds:.3g} ms to embed an image,"
        f" {duration(pace.measurement_seconds(pace.test_images))} to embed and measure"
        f" {pace.test_images:,} test images.{weights}"
    )
