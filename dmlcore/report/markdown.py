"""A study's results as one Markdown page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dmlcore.report.table import Table, short_name, study_table
from dmlcore.results import Result
from dmlcore.wording import counted, duration, point_label


def markdown_report(
    name: str,
    question: str,
    results: Sequence[Result],
    unfinished: Sequence[str],
    failures: Mapping[str, str],
) -> str:
    """The page: question, table, protocol, learning curves, warnings, and what is missing.

    `unfinished` are labels of runs that are still to be made, `failures` the reasons of those that can't be.
    """
    parts = [f"# {name}", question]
    if results:
        parts += [results_table(results), *_protocol(results[0]), "## Learning curves"]
        parts += [_curve(result) for result in results]
        parts += list(_warnings(results))
    if failures:
        parts += [
            "## Runs that failed",
            "\n".join(f"- **{run}**: {reason}" for run, reason in failures.items()),
        ]
    if unfinished:
        parts += ["## Runs still to be made", "\n".join(f"- {run}" for run in unfinished)]
    return "\n\n".join(part for part in parts if part) + "\n"


def results_table(results: Sequence[Result]) -> str:
    """The table of at least one result."""
    return _table(study_table(results))


def notes(results: Sequence[Result]) -> str:
    """What the numbers of at least one result mean, and the warnings."""
    return "\n\n".join([*list(_protocol(results[0]))[1:], *_warnings(results)])


def _table(table: Table) -> str:
    header = ["run", *(short_name(column) for column in table.columns), "seeds", "time a run"]
    rows = [
        [
            row.label,
            *(str(row.metrics.get(column, "–")) for column in table.columns),
            str(row.seeds),
            "–" if row.seconds is None else duration(row.seconds),
        ]
        for row in table.rows
    ]
    return _grid(header, rows)


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *rows))


def _protocol(result: Result) -> Iterator[str]:
    yield "## What the numbers mean"
    facts = result.protocol
    lines = [
        f"Trained on {facts['train_images']:,} images of {facts['train_classes']} classes, measured on"
        f" {facts['test_images']:,} images of {facts['test_classes']} classes never seen in training.",
        f"Epochs: {facts['epochs']}; the result is chosen by: {facts['selected_by']}.",
        f"Weights: {facts['weights']}. Pooling: {facts['pooling']}. BatchNorm: {facts['batchnorm']}.",
        "Values are means ± sample deviation over seeds; “untrained” is the backbone's pooled features as loaded.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in result.versions.items()) + ".",
        f"Device: {result.environment['device']}, {counted(result.environment['threads'], 'thread')}.",
    ]
    yield "\n".join(f"- {line}" for line in lines)


def _curve(result: Result) -> str:
    title = " ".join(part for part in (point_label(result.point), f"seed={result.seed}") if part)
    header = ["epoch", "loss", "learning rate", "images/s", *(short_name(name) for name in result.headline)]
    rows = []
    for epoch in result.curve:
        figures = [
            _number(epoch.loss),
            _number(epoch.learning_rate, ".3g"),
            _number(epoch.images_per_second, ".0f"),
        ]
        rows.append([str(epoch.epoch), *figures, *(_number((epoch.test or {}).get(name)) for name in result.headline)])
    return f"### {title}\n\n{_grid(header, rows)}"


def _number(value: float | None, form: str = ".4f") -> str:
    return "–" if value is None else format(value, form)


def _warnings(results: Sequence[Result]) -> Iterator[str]:
    texts = dict.fromkeys(text for result in results for text in result.warnings)
    if texts:
        yield "## To be known"
        yield "\n".join(f"- {text}" for text in texts)
