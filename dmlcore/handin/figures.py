"""The figures of a study, as SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure

from dmlcore.handin.plates import Key, plate
from dmlcore.report.material import StudyMaterial
from dmlcore.report.table import short_name
from dmlcore.results import Result
from dmlcore.values import EpochSummary
from dmlcore.wording import point_label

LOSS = "loss"


def figures(material: StudyMaterial) -> Mapping[str, str]:
    """Name → SVG: the loss of every run over its epochs, and its headline metrics."""
    if not material.results:
        return {}
    colours = [f"C{number % 10}" for number in range(len(material.results))]
    panels = [_panel(name, material.results, colours) for name in (LOSS, *material.results[0].headline)]
    legend = [
        Key(_label(result), matplotlib.colors.to_hex(colour))
        for result, colour in zip(material.results, colours, strict=True)
    ]
    return {"learning_curves": plate(panels, legend)}


def _panel(name: str, results: Sequence[Result], colours: Sequence[str]) -> str:
    figure = Figure(figsize=(3.6, 2.5), layout="constrained")
    axis = figure.subplots()
    for result, colour in zip(results, colours, strict=True):
        known = [(epoch.epoch, value) for epoch in result.curve if (value := _value(epoch, name)) is not None]
        axis.plot([epoch for epoch, _ in known], [value for _, value in known], ".-", color=colour)
    axis.set(title=short_name(name), xlabel="epoch")
    axis.grid(alpha=0.3)
    page = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(page, format="svg", metadata={"Date": None})
    return page.getvalue()


def _value(epoch: EpochSummary, name: str) -> float | None:
    return epoch.loss if name == LOSS else (epoch.test or {}).get(name)


def _label(result: Result) -> str:
    return " ".join(part for part in (point_label(result.point), f"seed={result.seed}") if part)
