"""The figures of a study, as SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping

import matplotlib
from matplotlib.figure import Figure

from dmlcore.report.material import StudyMaterial
from dmlcore.report.table import short_name
from dmlcore.results import Result
from dmlcore.wording import point_label


def figures(material: StudyMaterial) -> Mapping[str, str]:
    """Name → SVG: the headline metrics of every run over its epochs, and its loss."""
    if not material.results:
        return {}
    names = material.results[0].headline
    return {"learning_curves": _svg(_learning_curves(material.results, names))}


def _learning_curves(results: tuple[Result, ...], names: tuple[str, ...]) -> Figure:
    figure = Figure(figsize=(7, 2.6 * ((len(names) + 2) // 2)), layout="constrained")
    axes = list(figure.subplots((len(names) + 2) // 2, 2, squeeze=False).flat)
    for name in ("loss", *names):
        axis = axes.pop(0)
        for result in results:
            points = [(e.epoch, e.loss if name == "loss" else (e.test or {}).get(name)) for e in result.curve]
            known = [(epoch, value) for epoch, value in points if value is not None]
            label = " ".join(part for part in (point_label(result.point), f"seed={result.seed}") if part)
            axis.plot(*zip(*known, strict=True), marker="o", markersize=3, linewidth=1, label=label)
        axis.set(title=short_name(name), xlabel="epoch")
        axis.grid(alpha=0.3)
    for unused in axes:
        unused.remove()
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize="small")
    return figure


def _svg(figure: Figure) -> str:
    page = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "dmlcore"}):
        figure.savefig(page, format="svg", metadata={"Date": None})
    return page.getvalue()
