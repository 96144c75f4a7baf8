"""The finished runs as CSV: one row a run, with every figure that was stored."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.text import value_text


def render(material: StudyMaterial) -> str:
    """Header and rows; a cell is empty where a run lacks the figure. Floats keep every digit."""
    rows = [_row(result) for result in material.results]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(result: Result) -> dict[str, object]:
    told = [epoch.diagnostics for epoch in result.curve if epoch.diagnostics]
    return {
        "study": result.study,
        "run": result.run,
        **{path: value_text(value) for path, value in result.point.items()},
        "seed": result.seed,
        "epoch": result.protocol.get("epoch", result.protocol.get("epochs")),
        **result.metrics,
        **_prefixed("untrained", result.baseline),
        **_prefixed("geometry", result.geometry),
        **_prefixed("untrained_geometry", result.baseline_geometry),
        **_prefixed("training", told[-1] if told else {}),
        "seconds": result.seconds,
        "peak_memory": result.peak_memory,
        "fingerprint": result.fingerprint,
    }


def _prefixed(prefix: str, figures: Mapping[str, float]) -> dict[str, object]:
    return {f"{prefix}/{name}": value for name, value in figures.items()}
