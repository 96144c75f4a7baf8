"""The learning curve of each run in numbers."""

from __future__ import annotations

from dmlcore.api.blocks import Section, Table
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import cell, label
from dmlcore.text import point_label

COLUMNS = ("loss", "learning_rate", "images_per_second")


def curves_section(material: StudyMaterial) -> Section | None:
    """Return a table per run with a row per epoch; None without results."""
    if not material.results:
        return None
    return Section("Learning curves", [_curve(result) for result in material.results], "curves")


def _curve(result: Result) -> Table:
    names = (*COLUMNS, *result.headline)
    rows = []
    for epoch in result.curve:
        values = {name: getattr(epoch, name) for name in COLUMNS} | dict(epoch.test or {})
        rows.append((str(epoch.epoch), *(cell(name, values.get(name)) for name in names)))
    title = " ".join(part for part in (point_label(result.point), f"seed={result.seed}") if part)
    return Table(("epoch", *map(label, names)), tuple(rows), title)
