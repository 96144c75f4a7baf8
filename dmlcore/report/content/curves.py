"""The learning curve of each run in figures."""

from __future__ import annotations

from dmlcore.api.blocks import Section, Table
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.table import short_name
from dmlcore.text import point_label


def curves_section(material: StudyMaterial) -> Section | None:
    """A grid a run, a row an epoch; None without results."""
    if not material.results:
        return None
    return Section("Learning curves", [_curve(result) for result in material.results], "curves")


def _curve(result: Result) -> Table:
    title = " ".join(part for part in (point_label(result.point), f"seed={result.seed}") if part)
    rows = []
    for epoch in result.curve:
        figures = (
            _number(epoch.loss),
            _number(epoch.learning_rate, ".3g"),
            _number(epoch.images_per_second, ".0f"),
        )
        metrics = tuple(_number((epoch.test or {}).get(name)) for name in result.headline)
        rows.append((str(epoch.epoch), *figures, *metrics))
    header = ("epoch", "loss", "learning rate", "images/s", *(short_name(name) for name in result.headline))
    return Table(header, tuple(rows), title)


def _number(value: float | None, form: str = ".4f") -> str:
    return "–" if value is None else format(value, form)
