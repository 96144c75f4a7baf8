"""Results of a study in one table: a row per grid point with mean, deviation and interval, untrained row first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, frozen

from dmlcore.api.blocks import Table
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.quantities import MISSING, label
from dmlcore.report.content.statistics import BEST, LEVEL, RESAMPLES, Sample, Spread, compare_each, interval
from dmlcore.text import counted, duration, listing


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
    """The meaning of marks and intervals, and which rows are not significantly different."""


def study_table(material: StudyMaterial) -> ResultTable:
    """Return the table of the headline metrics."""
    return _table(material.rows, headline(material))


def full_table(material: StudyMaterial) -> ResultTable:
    """Return the table of all metrics in `full_columns`."""
    return _table(material.rows, full_columns(material))


def headline(material: StudyMaterial) -> tuple[str, ...]:
    """Return the metrics of short tables, as the runs' evaluators declare them."""
    return tuple(dict.fromkeys(name for result in material.results for name in result.headline))


def full_columns(material: StudyMaterial) -> tuple[str, ...]:
    """Return the headline metrics, every Recall@K, and all other metrics with a value for each query."""
    samples = [(name, sample) for row in material.rows for name, sample in row.samples.items()]
    wanted = {name for name, sample in samples if sample.replicates is not None or "/recall_at_" in name}
    names = [name for name, _ in samples if name in wanted and not name.endswith("_optimistic")]
    return tuple(dict.fromkeys([*names, *headline(material)]))


def table_grid(table: ResultTable, intervals: bool = True) -> Table:
    """Return the table as a block, with the intervals below the means unless they are switched off."""
    rows = [
        (
            row.label,
            *(_cell(row.metrics.get(column), intervals) for column in table.columns),
            str(row.seeds),
            MISSING if row.seconds is None else duration(row.seconds),
        )
        for row in table.rows
    ]
    return Table(("run", *map(label, table.columns), "seeds", label("seconds")), tuple(rows), notes=table.notes)


def _cell(spread: Spread | None, intervals: bool) -> str:
    if spread is None:
        return MISSING
    return f"{spread}\n{spread.interval}" if intervals and spread.interval else str(spread)


def _table(measured: Sequence[PointMeasurements], columns: tuple[str, ...]) -> ResultTable:
    tops = {column: _Top.of(measured, column) for column in columns}
    rows = []
    for row in measured:
        best = {column: top is not None and top.best is row for column, top in tops.items()}
        samples = {name: row.samples[name] for name in columns if name in row.samples}
        spreads = {name: evolve(Spread.of_sample(sample), best=best[name]) for name, sample in samples.items()}
        rows.append(Row(row.label, row.seeds, spreads, None if row.untrained else row.seconds))
    return ResultTable(columns, tuple(rows), (*_legend(measured, columns, tops), *_undecided(tops)))


@frozen(eq=False)
class _Top:
    """The highest row of a column, and the rows that are not significantly different."""

    column: str
    row: PointMeasurements
    alike: tuple[str, ...]
    """Labels of rows with a Holm-adjusted p of at least 1 − LEVEL."""
    incomparable: tuple[str, ...]
    """Labels of rows without a test: other test images, or one seed and no per-query values."""

    @classmethod
    def of(cls, rows: Sequence[PointMeasurements], column: str) -> _Top | None:
        having = [row for row in rows if column in row.samples]
        if len(having) < 2:
            return None
        top = max(having, key=lambda row: row.samples[column].mean)
        others = [row for row in having if row is not top]
        tests = compare_each((top.samples[column], row.samples[column]) for row in others)
        found = [(row.label, test) for row, test in zip(others, tests, strict=True)]
        alike = tuple(label for label, test in found if test is not None and test.p >= 1 - LEVEL)
        return cls(column, top, alike, tuple(label for label, test in found if test is None))

    @property
    def best(self) -> PointMeasurements | None:
        return None if self.alike or self.incomparable else self.row


def _legend(
    measured: Sequence[PointMeasurements], columns: Sequence[str], tops: Mapping[str, _Top | None]
) -> Iterable[str]:
    samples = {name: [row.samples[name] for row in measured if name in row.samples] for name in columns}
    every = [sample for found in samples.values() for sample in found]
    if measured and all(row.seeds == 1 for row in measured):
        yield "One seed per row: differences are between these networks; other seeds would give other values."
    if any(sample.sd is not None for sample in every):
        yield "Values are means ± standard deviations over seeds."
    if any(interval(sample) is not None for sample in every):
        yield f"Brackets show the {LEVEL:.0%} confidence interval of the mean over {_chance(every)}."
    without = [label(name) for name, found in samples.items() if found and all(s.replicates is None for s in found)]
    if without:
        yield (
            f"{listing(without)} {'has' if len(without) == 1 else 'have'} no per-query values: intervals and tests use"
            " seeds only and need at least two."
        )
    if any(top and top.best for top in tops.values()):
        yield f"{BEST} differs from every other row (paired test, Holm-adjusted p < {1 - LEVEL:.2f})."


def _chance(samples: Sequence[Sample]) -> str:
    classes = {sample.resampling.classes for sample in samples if sample.resampling is not None}
    if not classes:
        return "seeds"
    drawn = f"({RESAMPLES:,} bootstrap samples of the {' or '.join(map(str, sorted(classes)))} test classes)"
    return f"classes {drawn}" + (" and seeds" if any(len(sample.seeds) > 1 for sample in samples) else "")


def _undecided(tops: Mapping[str, _Top | None]) -> Iterable[str]:
    open_columns: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[_Top]] = {}
    for top in tops.values():
        if top is not None and not top.best:
            open_columns.setdefault((top.row.label, top.alike, top.incomparable), []).append(top)
    for top, *others in open_columns.values():
        parts = []
        if top.alike:
            parts.append(f"not significantly different from {listing(top.alike)}")
        if top.incomparable:
            many = len(top.incomparable) > 4
            parts.append(
                f"untested against {counted(len(top.incomparable), 'row') if many else listing(top.incomparable)}"
            )
        names = listing(label(each.column) for each in (top, *others))
        yield f"{names}: the highest, {top.row.label}, is {' and '.join(parts)}."
