"""The distribution of the test embeddings: cosines of pairs, and variance along the principal axes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.drawing import BAD, DASHES, GOOD, QUIET, panel, plain
from dmlcore.report.figures.over_epochs import point_legend
from dmlcore.results.evidence import Evidence
from dmlcore.text import capitalized

UNTRAINED = "untrained network"

MOST = 8
"""Histograms shown, in addition to that of the untrained network."""


def first_runs(material: StudyMaterial) -> list[Result]:
    """Return the first seed's run of each grid point that has stored evidence."""
    runs: dict[str, Result] = {}
    for result in material.results:
        if material.label(result) not in runs and material.evidence(result) is not None:
            runs[material.label(result)] = result
    return list(runs.values())


def similarity_histograms(material: StudyMaterial) -> Figure | None:
    """Draw the cosines of positive and negative test pairs, untrained and at each grid point."""
    first = first_runs(material)
    if not first:
        return None
    step = max(1.0, (len(first) - 1) / (MOST - 1))  # evenly spaced, with the first and the last
    runs = [first[round(place * step)] for place in range(min(MOST, len(first)))]
    chosen = f"; {len(runs)} of {len(first)} are shown" if len(first) > len(runs) else ""
    found = [(capitalized(material.label(run)), material.evidence(run)) for run in runs]
    shown = [(capitalized(UNTRAINED), material.untrained_evidence(runs[0])), *found]
    held = [(title, evidence) for title, evidence in shown if evidence is not None]
    low = min(_low_edge(evidence) for _, evidence in held)
    panels = tuple(_histogram(f"{material.name} pairs {title}", title, evidence, low) for title, evidence in held)
    caption = (
        "Distribution of the cosines of positive pairs (same class) and negative pairs of test images; each curve has"
        f" area 1. Less overlap gives better neighbors. First seed of each grid point{chosen}."
    )
    legend = (Key("positive pairs", GOOD), Key("negative pairs", BAD, 1))
    return Figure("similarities", "Similarities of test pairs", caption, panels, legend)


def _low_edge(evidence: Evidence) -> float:
    """The cosine below which there is hardly any pair."""
    widths = np.diff(evidence.similarity_edges)
    mass = np.maximum(np.cumsum(evidence.positive_density * widths), np.cumsum(evidence.negative_density * widths))
    return float(evidence.similarity_edges[int(np.searchsorted(mass, 0.001))])


def _histogram(name: str, title: str, evidence: Evidence, low: float) -> Panel:
    edges = evidence.similarity_edges
    positive, negative = evidence.positive_density, evidence.negative_density

    def draw(axes: Axes) -> None:
        for density, color, dash in ((positive, GOOD, 0), (negative, BAD, 1)):
            axes.stairs(density, edges, fill=True, color=color, alpha=0.22, linewidth=0)
            axes.stairs(density, edges, color=color, linestyle=DASHES[dash], linewidth=1.5)
        axes.set_xlim(low - 0.02 * (1 - low), 1 + 0.02 * (1 - low))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5]))
        axes.xaxis.set_major_formatter("{x:g}")  # the last tick would be cut off as 1.00
        axes.set_ylim(0, None)
        axes.set_title(plain(title))
        axes.set_xlabel("Cosine")

    centers = (edges[1:] + edges[:-1]) / 2
    means = [float((density * np.diff(edges) * centers).sum()) for density in (positive, negative)]
    alt = f"{title}: the mean cosine is {means[0]:.2f} of positive pairs and {means[1]:.2f} of negative pairs."
    return panel(name, alt, draw)


def spectra(material: StudyMaterial) -> Figure | None:
    """Draw the share of variance along each principal axis, on logarithmic scales."""
    runs = first_runs(material)
    if not runs:
        return None
    keys = {key.label: key for key in point_legend(material)}
    untrained = material.untrained_evidence(runs[0])
    found = [(keys[material.short_label(run)], material.evidence(run)) for run in runs]
    lines = [(key, evidence.spectrum) for key, evidence in found if evidence]
    legend = [key for key, _ in lines]
    if untrained is not None:
        lines.insert(0, (Key(UNTRAINED, QUIET, 2), untrained.spectrum))
        legend.insert(0, lines[0][0])

    def draw(axes: Axes, cumulative: bool) -> None:
        for key, shares in lines:
            kept = shares[shares > 1e-7]
            axis = np.arange(1, len(kept) + 1)
            values = np.cumsum(kept) if cumulative else kept
            axes.plot(axis, values, color=key.color, linestyle=DASHES[key.dash], linewidth=1.5)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("Principal axis")
        if cumulative:
            axes.axhline(0.9, color=QUIET, linewidth=0.8)
            axes.set_title("Cumulative share of variance")
            axes.set_ylim(-0.05, 1.05)
        else:
            axes.set_yscale("log")
            axes.set_title("Share of variance")

    needed = ", ".join(f"{key.label}: {int(np.searchsorted(np.cumsum(s), 0.9)) + 1}" for key, s in lines)
    alts = ("Share of variance along each axis, in falling order.", f"Number of axes for 90% variance: {needed}.")
    panels = (
        panel(f"{material.name} spectrum", alts[0], lambda axes: draw(axes, False)),
        panel(f"{material.name} cumulative", alts[1], lambda axes: draw(axes, True)),
    )
    caption = (
        f"One color per {material.row_name}. Variance of the test embeddings along their principal axes. If a curve"
        " falls early, the embedding uses few of its dimensions. The thin line is at 90%."
    )
    return Figure("spectrum", "Spectrum of the embeddings", caption, panels, tuple(legend))
