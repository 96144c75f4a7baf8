"""The finished runs as CSV: one row per run, with every stored quantity."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence

from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import GEOMETRY, TRAINING
from dmlcore.text import value_text, visible

_FORMULA = re.compile(r"'*[=+\-@|%\t\r\n＝＋－＠]")
"""The start of a spreadsheet's formula; also after apostrophes, so that each text can be read back."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-](?:inf|nan)")


def render(materials: Sequence[StudyMaterial]) -> str:
    """Return one table of all studies."""
    return csv_text([_row(result) for material in materials for result in material.results])


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows as CSV, a column per name; a cell is empty if its row lacks the value. Floats keep every digit."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, names))
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: such a text gets an apostrophe before it, a number none."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _row(result: Result) -> dict[str, object]:
    diagnostics = [epoch.diagnostics for epoch in result.curve if epoch.diagnostics]
    return {
        "study": result.study,
        "run": result.run,
        **{path: value_text(value) for path, value in result.point.items()},
        "seed": result.seed,
        "epoch": result.protocol.get("epoch", result.protocol.get("epochs")),
        **result.metrics,
        **_prefixed("untrained/", result.baseline),
        **_prefixed(GEOMETRY, result.geometry),
        **_prefixed("untrained_geometry/", result.baseline_geometry),
        **_prefixed(TRAINING, diagnostics[-1] if diagnostics else {}),
        "seconds": result.seconds,
        "peak_memory": result.peak_memory,
        "fingerprint": result.fingerprint,
    }


def _prefixed(prefix: str, figures: Mapping[str, float]) -> dict[str, object]:
    return {f"{prefix}{name}": value for name, value in figures.items()}
