"""The training classes and the vectors that the loss learned for them, in one plane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import number
from dmlcore.report.figures.drawing import BAD, INK, MUTED, RAMP, panel, plain
from dmlcore.results.proxies import Proxies
from dmlcore.text import counted

SIDE = 2.8
"""Height of a panel in inches: its plane is nearly square."""

Floats = npt.NDArray[np.floating]

CAPTION = (
    "A dot is the mean embedding of a training class, a cross a vector that the loss learned for it, and a line joins"
    " the two; all have length 1. Where the vectors represent their classes, the lines are short compared with the"
    " distances between dots; a dashed line joins a class with its vector if a vector of another class is nearer."
    " The plane is the first two principal axes of the class means, so it shows only the stated share of their"
    " variance, and points that overlap in it may be far apart. Each panel shows the first seed."
)


def proxies_figure(material: StudyMaterial) -> Figure | None:
    """Draw a panel for each row with a loss that learned class vectors; None if no run stored any."""
    panels = tuple(_panels(material))
    if not panels:
        return None
    legend = (
        Key("● class mean", INK, -1),
        Key("× learned vector", RAMP[1], -1),
        Key("a vector of another class is nearer", BAD, 1),
    )
    return Figure("proxies", "Training classes and their learned vectors", CAPTION, panels, legend)


def _panels(material: StudyMaterial) -> Iterator[Panel]:
    for row in material.trained:
        proxies = material.proxies(row.results[0])
        if proxies is not None:
            yield _panel(material.name, row.label, plane_of(proxies))


@frozen(eq=False)
class Plane:
    """Class means (C, 2) and vectors (P, 2) on the first two principal axes of the L2-normalized class means.

    labels: (P,), the class of each vector; nearest: (P,), whether a vector of that class is nearest to the mean of the
    class; share: of the variance of the class means in the plane; cosines: (P,), of each vector and the mean of its
    class.
    """

    means: Floats
    vectors: Floats
    labels: npt.NDArray[np.int64]
    nearest: npt.NDArray[np.bool_]
    share: float
    cosines: Floats


def plane_of(proxies: Proxies) -> Plane:
    """Return the principal plane of the class means, with the vectors in it."""
    means, vectors = _unit(proxies.means), _unit(proxies.vectors)
    center = means.mean(axis=0)
    _, scales, axes = np.linalg.svd(means - center, full_matrices=False)
    plane = np.zeros((2, means.shape[1]))
    plane[: len(axes[:2])] = axes[:2]
    total = float((scales**2).sum())
    own = proxies.labels[(means @ vectors.T).argmax(axis=1)] == np.arange(len(means))
    return Plane(
        (means - center) @ plane.T,
        (vectors - center) @ plane.T,
        proxies.labels,
        own[proxies.labels],
        float((scales[:2] ** 2).sum()) / total if total else 1.0,
        (means[proxies.labels] * vectors).sum(axis=1),
    )


def _panel(study: str, row: str, plane: Plane) -> Panel:
    def draw(axes: Axes) -> None:
        lines = np.stack([plane.means[plane.labels], plane.vectors], axis=1)
        axes.add_collection(LineCollection(list(lines[plane.nearest]), colors=MUTED, linewidths=0.8))
        axes.add_collection(LineCollection(list(lines[~plane.nearest]), colors=BAD, linewidths=1.2, linestyles="--"))
        axes.plot(*plane.vectors.T, "x", color=RAMP[1], markersize=4, markeredgewidth=1.2)
        axes.plot(*plane.means.T, "o", color=INK, markersize=3)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(plain(row))
        axes.set_xlabel(f"{plane.share:.0%} of the variance of the class means")

    classes, strangers = len(plane.means), len(set(plane.labels[~plane.nearest].tolist()))
    alt = (
        f"{row}: {counted(classes, 'class')} with {counted(len(plane.vectors), 'learned vector')}. Mean cosine of a"
        f" vector and the mean of its class: {number(float(plane.cosines.mean()))}. {classes - strangers} of"
        f" {classes} classes have one of their vectors nearest."
    )
    return panel(f"{study} proxies {row}", alt, draw, left=0.2, height=SIDE)


def _unit(vectors: Floats) -> Floats:
    lengths: Floats = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors / lengths
