"""Results of a study in one table: a row per grid point with mean, deviation and interval, untrained row first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve, frozen

from dmlcore.api.blocks import Table
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.quantities import MISSING, column, decimals, label
from dmlcore.report.content.statistics import BEST, LEVEL, RESAMPLES, Sample, Spread, compare_each, interval
from dmlcore.text import capitalized, counted, listing


@frozen
class Row:
    """One line of the table."""

    label: str
    short: str
    """The label below the heading of the table."""
    seeds: int
    metrics: Mapping[str, Spread]
    seconds: float | None
    """Mean time of a run; None for the untrained network."""


@frozen
class ResultTable:
    """The results of a study."""

    heading: str
    """Of the labels of rows."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """The meaning of marks and intervals, and which rows are not significantly different."""
    caption: str = ""


def study_table(material: StudyMaterial) -> ResultTable:
    """Return the table of the headline metrics."""
    return _table(material, headline(material))


def full_tables(material: StudyMaterial) -> list[ResultTable]:
    """Return a table of the metrics of each evaluator in `full_columns`."""
    groups: dict[str, list[str]] = {}
    for name in full_columns(material):
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    tables = {group: _table(material, tuple(names)) for group, names in groups.items()}
    return [
        evolve(
            table,
            caption=capitalized(group.replace("_", " ")),
            notes=(*table.notes, *_repeated(material, table.columns)),
        )
        for group, table in tables.items()
    ]


def headline(material: StudyMaterial) -> tuple[str, ...]:
    """Return the metrics of short tables, as the runs' evaluators declare them."""
    return tuple(dict.fromkeys(name for result in material.results for name in result.headline))


def full_columns(material: StudyMaterial) -> tuple[str, ...]:
    """Return all metrics but counts, those with ties in favor of the query, and deviations of a mean."""
    values: dict[str, list[float]] = {}
    for name, sample in (pair for row in material.rows for pair in row.samples.items()):
        values.setdefault(name, []).extend(map(float, sample.values))
    counts = {name for name, found in values.items() if max(found) > 1 and all(value == int(value) for value in found)}
    return tuple(
        name for name in values if name not in counts and not name.endswith(OPTIMISTIC) and _mean_of(name) not in values
    )


OPTIMISTIC = "_optimistic"
"""Suffix of a metric with ties counted in favor of the query."""


def _mean_of(name: str) -> str:
    """ "clustering/nmi_std" → "clustering/nmi_mean"; empty for other metrics."""
    return f"{name.removesuffix('_std')}_mean" if name.endswith("_std") else ""


def _repeated(material: StudyMaterial, columns: Sequence[str]) -> Iterator[str]:
    """The deviation of each metric that is the mean of several evaluations of the same embeddings."""
    found = [(_mean_of(name), sample) for row in material.rows for name, sample in row.samples.items()]
    for mean in columns:
        deviations = [float(sample.values.max()) for name, sample in found if name == mean]
        if deviations:
            yield (
                f"{label(mean)} is over repeated evaluations of a run; their standard deviation is at most"
                f" {decimals(max(deviations))}."
            )


def table_grid(table: ResultTable, intervals: bool = True, runs: bool = True) -> Table:
    """Return the table as a block, with the intervals below the means, and the number of runs and their time."""
    columns = [(table.heading, [row.short for row in table.rows])]
    columns += [
        (label(name), [_cell(row.metrics.get(name), intervals) for row in table.rows]) for name in table.columns
    ]
    if runs:
        columns.append(("seeds", [str(row.seeds) for row in table.rows]))
        columns.append((label("seconds"), column("seconds", [row.seconds for row in table.rows])))
    header, cells = zip(*columns, strict=True)
    return Table(header, tuple(zip(*cells, strict=True)), table.caption, notes=table.notes)


def _cell(spread: Spread | None, intervals: bool) -> str:
    if spread is None:
        return MISSING
    return f"{spread}\n{spread.interval}" if intervals and spread.interval else str(spread)


def _table(material: StudyMaterial, columns: tuple[str, ...]) -> ResultTable:
    measured = material.rows
    tops = {column: _Top.of(measured, column) for column in columns}
    rows = []
    for row in measured:
        best = {column: top is not None and top.best is row for column, top in tops.items()}
        samples = {name: row.samples[name] for name in columns if name in row.samples}
        spreads = {name: evolve(Spread.of_sample(sample), best=best[name]) for name, sample in samples.items()}
        rows.append(Row(row.label, row.short, row.seeds, spreads, None if row.untrained else row.seconds))
    return ResultTable(
        material.row_heading, columns, tuple(rows), (*_legend(measured, columns, tops), *_undecided(tops))
    )


@frozen(eq=False)
class _Top:
    """The highest row of a column, and the rows that are not significantly different."""

    column: str
    row: PointMeasurements
    alike: tuple[str, ...]
    """Short labels of rows with a Holm-adjusted p of at least 1 − LEVEL."""
    incomparable: tuple[str, ...]
    """Short labels of rows without a test: other test images, or one seed and no per-query values."""

    @classmethod
    def of(cls, rows: Sequence[PointMeasurements], column: str) -> _Top | None:
        having = [row for row in rows if column in row.samples]
        if len(having) < 2:
            return None
        top = max(having, key=lambda row: row.samples[column].mean)
        others = [row for row in having if row is not top]
        tests = compare_each((top.samples[column], row.samples[column]) for row in others)
        found = [(row.short, test) for row, test in zip(others, tests, strict=True)]
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
    """One note for all columns of which the same can be said."""
    columns: dict[str, list[str]] = {}
    for top in tops.values():
        if top is None or top.best:
            continue
        parts = []
        if top.alike:
            parts.append(f"not significantly different from {listing(top.alike)}")
        if top.incomparable:
            many = len(top.incomparable) > 4
            parts.append(
                f"untested against {counted(len(top.incomparable), 'row') if many else listing(top.incomparable)}"
            )
        columns.setdefault(f"the highest, {top.row.label}, is {' and '.join(parts)}.", []).append(label(top.column))
    for text, names in columns.items():
        yield f"{listing(names)}: {text}"
