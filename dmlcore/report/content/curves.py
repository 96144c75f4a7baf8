"""The learning curve of each run in numbers."""

from __future__ import annotations

from dmlcore.api.blocks import Section, Table
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import column, label
from dmlcore.text import capitalized

COLUMNS = ("loss", "learning_rate", "images_per_second")


def curves_section(material: StudyMaterial) -> Section | None:
    """Return a table per run with a row per epoch; None without results."""
    if not material.results:
        return None
    return Section("Learning curves", [_curve(material, result) for result in material.results], "curves")


def _curve(material: StudyMaterial, result: Result) -> Table:
    names = (*COLUMNS, *result.headline)
    epochs = [{name: getattr(epoch, name) for name in COLUMNS} | dict(epoch.test or {}) for epoch in result.curve]
    columns = (column(name, [values.get(name) for values in epochs]) for name in names)
    rows = tuple(zip((str(epoch.epoch) for epoch in result.curve), *columns, strict=True))
    title = capitalized(f"{material.label(result)}, seed {result.seed}")
    return Table(("epoch", *map(label, names)), rows, title)
