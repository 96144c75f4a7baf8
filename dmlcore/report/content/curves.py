"""The learning curve of each run in numbers."""

from __future__ import annotations

from dmlcore.api.blocks import Section, Table
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import column, label
from dmlcore.text import point_label

COLUMNS = ("loss", "learning_rate", "images_per_second")


def curves_section(material: StudyMaterial) -> Section | None:
    """Return a table per run with a row per epoch; None without results."""
    if not material.results:
        return None
    return Section("Learning curves", [_curve(result) for result in material.results], "curves")


def _curve(result: Result) -> Table:
    names = (*COLUMNS, *result.headline)
    epochs = [{name: getattr(epoch, name) for name in COLUMNS} | dict(epoch.test or {}) for epoch in result.curve]
    columns = (column(name, [values.get(name) for values in epochs]) for name in names)
    rows = tuple(zip((str(epoch.epoch) for epoch in result.curve), *columns, strict=True))
    title = " ".join(part for part in (point_label(result.point), f"seed={result.seed}") if part)
    return Table(("epoch", *map(label, names)), rows, title)
