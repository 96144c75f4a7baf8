"""A study without a grid: what training changed compared with the untrained network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.api.result import Result
from dmlcore.report.content.correlation import rank_correlation
from dmlcore.report.content.measurements import PointMeasurements, is_as_loaded, kind_of
from dmlcore.report.content.quantities import (
    GEOMETRY,
    MISSING,
    TRAINING,
    column,
    decimals,
    full_label,
    is_quantile,
    label,
    signed,
)
from dmlcore.text import counted


def explain_single(row: PointMeasurements, metric: str) -> Iterator[Block]:
    """Show the quantities of the embeddings before and after training, and the metric over the epochs."""
    if all(map(is_as_loaded, row.results)):
        yield Text("Nothing was trained: these are the features of the network as loaded.")
        return
    yield from _geometry(row.results)
    for result in row.results:
        yield from _epochs(result, metric)


def _geometry(results: Sequence[Result]) -> Iterator[Block]:
    names = [
        name
        for name in results[0].geometry
        if all(name in result.geometry and name in result.baseline_geometry for result in results)
    ]
    if not names:
        yield Text(f"{counted(len(results), 'run')} stored no quantities of the embeddings that could explain them.")
        return
    rows = tuple((full_label(f"{GEOMETRY}{name}"), *_before_and_after(results, name)) for name in names)
    yield Table(
        ("quantity", "untrained", kind_of(results[0])), rows, "Embeddings of unseen classes before and after training"
    )


def _before_and_after(results: Sequence[Result], name: str) -> list[str]:
    """A quantity of the untrained and the trained network, over seeds."""
    geometries = ("baseline_geometry", "geometry")
    return column(name, [fmean(getattr(result, which)[name] for result in results) for which in geometries])


def _epochs(result: Result, metric: str) -> Iterator[Block]:
    """Whether the metric still rose at the end, and which quantities changed with it."""
    epochs = [epoch for epoch in result.curve[1:] if metric in (epoch.test or {})]
    if len(epochs) < 3:
        return
    values = [(epoch.test or {})[metric] for epoch in epochs]
    first, last, best = epochs[0], epochs[-1], epochs[values.index(max(values))]
    name = label(metric)
    yield Text(
        f"Seed {result.seed}: over {len(epochs)} measured epochs, {name} goes from {decimals(values[0])} (epoch"
        f" {first.epoch}) to {decimals(values[-1])} (epoch {last.epoch}); it is highest at epoch {best.epoch},"
        f" {decimals(max(values))}." + (" It is highest at the end, so more epochs may help." if best is last else "")
    )
    rows = []
    for figure in first.diagnostics:
        if is_quantile(figure) or not all(figure in epoch.diagnostics for epoch in epochs):
            continue
        course = [epoch.diagnostics[figure] for epoch in epochs]
        correlation = rank_correlation(course, values)
        rho = MISSING if correlation is None else signed(correlation.rho, 2)
        rows.append((label(f"{TRAINING}{figure}"), *column(figure, [course[0], course[-1]]), rho))
    if rows:
        header = ("training quantity", f"epoch {first.epoch}", f"epoch {last.epoch}", f"ρ with {name}")
        note = "ρ is Spearman's rank correlation over epochs; anything that changes steadily over time correlates."
        yield Table(header, tuple(rows), f"Training of seed {result.seed}", (note,))
