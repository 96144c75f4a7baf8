"""Results of a study in one table: a row a grid point, mean, deviation and interval, untrained row first."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from dmlcore.api.blocks import Table
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import Measured
from dmlcore.report.content.statistics import LEVEL, RESAMPLES, Interval, Sample, compare, holm, interval
from dmlcore.text import counted, duration, listing

BEST = "*"
"""Marks a value that differs from that of every other row."""


@frozen
class Spread:
    """Mean over seeds, sample deviation where there are several, and the interval where one can be given."""

    mean: float
    sd: float | None
    interval: Interval | None = None
    best: bool = False
    """Whether it is the highest of its column, and differs from every other."""

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value; equal values give themselves, to the last digit."""
        if len(set(values)) == 1:
            return cls(values[0], 0.0 if len(values) > 1 else None)
        return cls(math.fsum(values) / len(values), statistics.stdev(values))

    def __str__(self) -> str:
        return f"{self.mean:.4f}" + ("" if self.sd is None else f" ± {self.sd:.4f}") + (f" {BEST}" if self.best else "")


@frozen
class Row:
    """One line of the table."""

    label: str
    seeds: int
    metrics: Mapping[str, Spread]
    seconds: float | None
    """Mean time of a run; None for the untrained network."""


@frozen
class ResultTable:
    """The results of a study."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What the marks and intervals mean here, and which rows can't be told apart."""


def study_table(material: StudyMaterial) -> ResultTable:
    """The metrics of short tables."""
    return _table(material.rows, headline(material))


def full_table(material: StudyMaterial) -> ResultTable:
    """The metrics of short tables, every Recall@K, and all else that has a value for each query."""
    short = headline(material)
    samples = [(name, sample) for row in material.rows for name, sample in row.samples.items()]
    wanted = {name for name, sample in samples if sample.replicates is not None or "/recall_at_" in name}
    names = dict.fromkeys(name for name, _ in samples if name in wanted and not name.endswith("_optimistic"))
    return _table(material.rows, tuple(dict.fromkeys([*names, *short])))


def headline(material: StudyMaterial) -> tuple[str, ...]:
    """The metrics of short tables, as the runs' evaluators say."""
    return tuple(dict.fromkeys(name for result in material.results for name in result.headline))


def short_name(metric: str) -> str:
    """ "retrieval/recall_at_1" → "recall@1"."""
    return metric.rpartition("/")[2].replace("_at_", "@")


def table_grid(table: ResultTable, caption: str = "") -> Table:
    """The table as a block: under each mean its interval."""
    rows = [
        (
            row.label,
            *(_cell(row.metrics.get(column)) for column in table.columns),
            str(row.seeds),
            "–" if row.seconds is None else duration(row.seconds),
        )
        for row in table.rows
    ]
    header = ("run", *(short_name(column) for column in table.columns), "seeds", "time a run")
    return Table(header, tuple(rows), caption, table.notes)


def _cell(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    return str(spread) if spread.interval is None else f"{spread}\n{spread.interval}"


def _table(measured: Sequence[Measured], columns: tuple[str, ...]) -> ResultTable:
    tops = {column: _Top.of(measured, column) for column in columns}
    rows = [_row(row, columns, {column for column, top in tops.items() if top and top.best is row}) for row in measured]
    return ResultTable(columns, tuple(rows), (*_legend(measured, columns, tops), *_undecided(tops)))


def _row(row: Measured, columns: Sequence[str], best: set[str]) -> Row:
    spreads = {
        name: Spread(sample.mean, sample.sd, interval(sample), name in best)
        for name in columns
        if (sample := row.samples.get(name)) is not None
    }
    seconds = None if row.untrained else math.fsum(result.seconds for result in row.results) / len(row.results)
    return Row(row.label, row.seeds, spreads, seconds)


@frozen(eq=False)
class _Top:
    """The highest row of a column, and the rows that can't be told from it."""

    column: str
    row: Measured
    alike: tuple[str, ...]
    """Labels of rows with a Holm-adjusted p of at least 1 − LEVEL."""
    incomparable: tuple[str, ...]
    """Labels of rows without a test: other test images, or one seed and no value for each query."""

    @classmethod
    def of(cls, rows: Sequence[Measured], column: str) -> _Top | None:
        having = [row for row in rows if column in row.samples]
        if len(having) < 2:
            return None
        top = max(having, key=lambda row: row.samples[column].mean)
        tests = {row.label: compare(top.samples[column], row.samples[column]) for row in having if row is not top}
        known = {label: test.p for label, test in tests.items() if test is not None}
        adjusted = dict(zip(known, holm(list(known.values())), strict=True))
        alike = tuple(label for label, p in adjusted.items() if p >= 1 - LEVEL)
        return cls(column, top, alike, tuple(label for label, test in tests.items() if test is None))

    @property
    def best(self) -> Measured | None:
        return None if self.alike or self.incomparable else self.row


def _legend(measured: Sequence[Measured], columns: Sequence[str], tops: Mapping[str, _Top | None]) -> Iterable[str]:
    samples = [sample for row in measured for name in columns if (sample := row.samples.get(name)) is not None]
    if measured and all(row.seeds == 1 for row in measured):
        yield "One seed a row: differences are between these networks, and another seed would give others."
    if any(sample.sd is not None for sample in samples):
        yield "Values are means ± sample deviations over seeds."
    if any(interval(sample) is not None for sample in samples):
        yield f"In brackets the {LEVEL:.0%} interval of the mean, {_chance(samples)}."
    without = [short_name(name) for name in columns if _lacks_queries(measured, name)]
    if without:
        yield (
            f"{listing(without)} {'has' if len(without) == 1 else 'have'} no values for each query: intervals and tests"
            " are over seeds alone, and with one seed there are none."
        )
    if any(top and top.best for top in tops.values()):
        yield f"{BEST} differs from every other row (paired test, Holm-adjusted p < {1 - LEVEL:.2f})."


def _chance(samples: Sequence[Sample]) -> str:
    classes = {sample.resampling.classes for sample in samples if sample.resampling is not None}
    seeds = any(len(sample.seeds) > 1 for sample in samples)
    if not classes:
        return "for other seeds"
    drawn = f"{RESAMPLES:,} resamples of the {' or '.join(map(str, sorted(classes)))} test classes"
    return f"for other classes{' and seeds' if seeds else ''}: {drawn}{' and the spread over seeds' if seeds else ''}"


def _lacks_queries(measured: Sequence[Measured], name: str) -> bool:
    samples = [row.samples[name] for row in measured if name in row.samples]
    return bool(samples) and all(sample.replicates is None for sample in samples)


def _undecided(tops: Mapping[str, _Top | None]) -> Iterable[str]:
    for top in tops.values():
        if top is None or top.best:
            continue
        parts = []
        if top.alike:
            parts.append(f"not distinguishable from {listing(top.alike)}")
        if top.incomparable:
            parts.append(f"not comparable by a test with {_some(top.incomparable)}")
        yield f"{short_name(top.column)}: the highest, {top.row.label}, is {' and '.join(parts)}."


def _some(labels: Sequence[str]) -> str:
    return listing(labels) if len(labels) <= 4 else counted(len(labels), "row")
