"""How fast a study's losses converge: a metric on the test classes over epochs, steps and seconds of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from dmlcore.api.blocks import Table
from dmlcore.api.result import Result
from dmlcore.report.content.axis import Axis, AxisPoint, marginal_axis
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import MISSING, cell, label, number
from dmlcore.report.content.statistics import Sample, Spread, pooled_seed_variance
from dmlcore.results.store import PROXIES
from dmlcore.text import counted

LOSS_PATHS = ("loss", "loss.use")
"""Paths of a grid that vary the loss itself."""

EARLY = 0.25
"""Share of the shortest training after which the rows are compared; chosen before any result was seen."""

SHARE = 0.9
"""Share of the reference's last value that the other rows have to reach."""

Unit = Literal["epochs", "steps", "seconds"]
Floats = npt.NDArray[np.float64]


@frozen(eq=False)
class Course:
    """A metric of one run over training, the untrained network first; each array is (n,) and rises, except values.

    seconds: of training alone, without evaluation.
    """

    seed: int
    epochs: Floats
    steps: Floats
    seconds: Floats
    values: Floats

    def length(self, unit: Unit) -> float:
        """Return how long the training was."""
        return float(getattr(self, unit)[-1])

    def after(self, unit: Unit, place: float) -> float:
        """Return the metric after that many epochs, steps or seconds, interpolated between measurements."""
        return float(np.interp(place, getattr(self, unit), self.values))

    def until(self, unit: Unit, value: float) -> float | None:
        """Return when the metric first reaches a value, by linear interpolation; None if it does not."""
        reached = np.flatnonzero(self.values >= value)
        if not len(reached):
            return None
        last = int(reached[0])
        first = max(0, last - 1)
        return float(np.interp(value, self.values[[first, last]], getattr(self, unit)[[first, last]]))


@frozen(eq=False)
class Convergence:
    """The courses of a metric for each value of an axis that varies the loss."""

    axis: Axis
    metric: str
    courses: tuple[tuple[Course, ...], ...]
    """For each point of the axis, one for each run."""
    reference: AxisPoint
    """The contrastive loss, else the first loss without class vectors, else the first."""

    @property
    def same_steps(self) -> bool:
        """Whether an epoch has the same number of steps at every point, so that both are one comparison."""
        return len({course.steps[-1] / course.epochs[-1] for group in self.courses for course in group}) == 1

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units that are different comparisons."""
        return ("epochs", "seconds") if self.same_steps else ("epochs", "steps", "seconds")

    def early(self, unit: Unit) -> float:
        """Return the place, EARLY of the shortest training, at which the points are compared."""
        place = EARLY * min(course.length(unit) for group in self.courses for course in group)
        return place if unit == "seconds" else float(max(1, round(place)))

    @property
    def target(self) -> float:
        """SHARE of the reference's last value, averaged over its runs."""
        return SHARE * float(self.mean(self.reference).values[-1])

    def of(self, point: AxisPoint) -> tuple[Course, ...]:
        """Return the courses at a point."""
        return self.courses[self.axis.points.index(point)]

    def mean(self, point: AxisPoint) -> Course:
        """Return the mean course of the runs at a point."""
        group = self.of(point)
        units = ("epochs", "steps", "seconds", "values")
        return Course(group[0].seed, *(np.mean([getattr(course, unit) for course in group], axis=0) for unit in units))

    def samples(self, unit: Unit, place: float) -> dict[str, Sample]:
        """Return label of a point → the metric after a number of epochs, steps or seconds, over seeds.

        The noise of seeds is pooled over the points; runs of one seed at other values of the grid are averaged.
        """
        found = {}
        for point, group in zip(self.axis.points, self.courses, strict=True):
            by_seed: dict[int, list[float]] = {}
            for course in group:
                by_seed.setdefault(course.seed, []).append(course.after(unit, place))
            values = np.array([math.fsum(each) / len(each) for each in by_seed.values()])
            found[point.label] = Sample(tuple(by_seed), values)
        noise = pooled_seed_variance(list(found.values()))
        return {name: evolve(sample, seed_variance=noise) for name, sample in found.items()}


def loss_convergence(material: StudyMaterial, metric: str) -> Convergence | None:
    """Return the convergence of a study that varies its loss; None for others, and without curves of the metric."""
    path = next((path for path in material.varied if path in LOSS_PATHS), None)
    axis = marginal_axis(material, path) if path else None
    return None if axis is None else convergence_of(axis, metric)


def convergence_of(axis: Axis, metric: str) -> Convergence | None:
    """Return the convergence along an axis.

    None if there is only one point, if a run has no curve of the metric, or if it was measured at other epochs.
    """
    groups = [tuple(filter(None, (course_of(r, metric) for r in point.results))) for point in axis.points]
    complete = all(len(group) == len(p.results) for group, p in zip(groups, axis.points, strict=True))
    alike = all(len({tuple(course.epochs) for course in group}) == 1 for group in groups)
    if len(groups) < 2 or not complete or not alike:
        return None
    return Convergence(axis, metric, tuple(groups), _reference(axis.points))


def learns_classes(point: AxisPoint) -> bool:
    """Whether the runs stored class vectors that their loss learned."""
    return any(PROXIES in result.files for result in point.results)


def _reference(points: Sequence[AxisPoint]) -> AxisPoint:
    pairs = [point for point in points if not learns_classes(point)]
    contrastive = [point for point in pairs if point.results[0].loss.name == "contrastive"]
    return next(iter((*contrastive, *pairs, *points)))


def course_of(result: Result, metric: str) -> Course | None:
    """Return the course of a run; None if fewer than three epochs were measured, or no times were stored.

    A step is a batch of `training.batch_size` images: results store the images of an epoch, not its steps.
    """
    batch = int(result.settings.get("training", {}).get("batch_size", 0))
    if not batch or any(epoch.images_per_second is None for epoch in result.curve[1:]):
        return None
    trained = [(epoch.seconds, epoch.seconds * (epoch.images_per_second or 0)) for epoch in result.curve[1:]]
    seconds = np.cumsum([0.0, *(time for time, _ in trained)])
    steps = np.cumsum([0, *(math.ceil(round(images) / batch) for _, images in trained)])
    measured = [e.epoch for e in result.curve if e.test is not None and metric in e.test]
    if len(measured) < 3:
        return None
    values = [(result.curve[epoch].test or {})[metric] for epoch in measured]
    places = np.array(measured)
    return Course(result.seed, places.astype(float), steps[places].astype(float), seconds[places], np.array(values))


def convergence_table(convergence: Convergence) -> Table:
    """Return the metric at equal epochs, steps and times, and how long each loss needs to reach the target."""
    points, name = convergence.axis.points, label(convergence.metric)
    rows = []
    for unit in convergence.units:
        place = convergence.early(unit)
        samples = convergence.samples(unit, place)
        cells = (str(Spread.of(list(samples[point.label].values))) for point in points)
        rows.append((f"{name} after {unit_text(convergence, unit, place)}", *cells))
    rows.append((f"{name} at the end", *(_last(convergence.of(point)) for point in points)))
    target = cell(convergence.metric, convergence.target)
    for unit in convergence.units:
        rows.append(
            (f"{unit} to {name} {target}", *(_until(convergence.mean(p), unit, convergence.target) for p in points))
        )
    notes = (
        f"Compared after {EARLY:.0%} of the shortest training, which was fixed in advance. {target} is {SHARE:.0%} of"
        f" the last value of {convergence.axis.named(convergence.reference)}; it is reached by the mean over seeds, or"
        f" never ({MISSING}). Values between two measured epochs are interpolated. Seconds are those of training"
        " alone, without evaluation.",
    )
    header = ("", *(convergence.axis.named(point) for point in points))
    return Table(header, tuple(rows), f"Convergence of {name} on the test classes", notes)


def unit_text(convergence: Convergence, unit: Unit, place: float) -> str:
    """ "8 epochs of 32 steps"; "256 steps"; "41.2 seconds"."""
    if unit == "seconds":
        return f"{number(place)} seconds"
    text = counted(int(place), unit.removesuffix("s"))
    if unit == "epochs" and convergence.same_steps:
        course = convergence.courses[0][0]
        return f"{text} of {counted(round(course.steps[-1] / course.epochs[-1]), 'step')}"
    return text


def _last(group: Sequence[Course]) -> str:
    return str(Spread.of([float(course.values[-1]) for course in group]))


def _until(course: Course, unit: Unit, value: float) -> str:
    place = course.until(unit, value)
    return MISSING if place is None else f"{place:.1f}"
