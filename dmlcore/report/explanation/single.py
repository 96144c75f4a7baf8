"""A study without a grid: what training did to the untrained network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.api.result import Result
from dmlcore.report.content.correlation import rank_correlation
from dmlcore.report.content.measurements import Measured
from dmlcore.report.content.recorded import GEOMETRY, in_words, number
from dmlcore.report.content.table import short_name
from dmlcore.text import counted


def explain_single(row: Measured, metric: str) -> Iterator[Block]:
    """The figures of the embeddings before and after, and how the metric ran over the epochs."""
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
        yield Text(
            f"No figures of the embeddings are stored for {counted(len(results), 'run')}, nor what explains them."
        )
        return
    rows = []
    for name in names:
        before, after = (
            sum(figures[name] for figures in group) / len(results)
            for group in ([r.baseline_geometry for r in results], [r.geometry for r in results])
        )
        rows.append((in_words(f"{GEOMETRY}{name}"), number(before), number(after)))
    yield Table(
        ("quantity", "untrained", "trained"), tuple(rows), "What training did to the embeddings of unseen classes"
    )


def _epochs(result: Result, metric: str) -> Iterator[Block]:
    """Whether the metric still rose at the end, and what ran with it from epoch to epoch."""
    epochs = [epoch for epoch in result.curve[1:] if metric in (epoch.test or {})]
    if len(epochs) < 3:
        return
    values = [(epoch.test or {})[metric] for epoch in epochs]
    best = epochs[values.index(max(values))]
    name = short_name(metric)
    yield Text(
        f"Seed {result.seed}: over {len(epochs)} measured epochs {name} goes from {values[0]:.4f} (epoch"
        f" {epochs[0].epoch}) to {values[-1]:.4f} (epoch {epochs[-1].epoch}), with its highest, {max(values):.4f}, at"
        f" epoch {best.epoch}."
        + (" It was highest at the end: more epochs might give more." if best is epochs[-1] else "")
    )
    names = [n for n in epochs[0].diagnostics if "_q" not in n and all(n in e.diagnostics for e in epochs)]
    rows = []
    for figure in names:
        course = [epoch.diagnostics[figure] for epoch in epochs]
        correlation = rank_correlation(course, values)
        rho = "–" if correlation is None else f"{correlation.rho:+.2f}".replace("-", "−")
        rows.append(
            (in_words(f"training/{figure}").partition(" in the")[0], number(course[0]), number(course[-1]), rho)
        )
    if rows:
        header = ("quantity of training", f"epoch {epochs[0].epoch}", f"epoch {epochs[-1].epoch}", f"ρ with {name}")
        note = "ρ is Spearman's rank correlation over epochs: what only runs with time correlates too."
        yield Table(header, tuple(rows), f"Training of seed {result.seed}", (note,))
