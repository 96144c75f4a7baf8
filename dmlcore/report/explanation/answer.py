"""The answer of a study in a few sentences, for the first page of a report."""

from __future__ import annotations

from attrs import frozen

from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.quantities import decimals, label
from dmlcore.report.content.statistics import interval
from dmlcore.report.content.table import headline
from dmlcore.text import listing


@frozen(eq=False)
class Answer:
    """What a study found."""

    study: str
    question: str
    verdict: str
    """One sentence that a layman understands."""
    figures: str
    """One sentence with the headline metrics of the best row, with their intervals."""
    reason: str
    """The mechanism as far as these runs show it."""
    best: PointMeasurements
    untrained: PointMeasurements | None


def answer_of(material: StudyMaterial) -> Answer | None:
    """Return the answer of a study; None without a finished run."""
    names = headline(material)
    if not names or not material.trained:
        return None
    best = max(material.trained, key=lambda row: row.samples[names[0]].mean)
    found = [(name, best.samples[name]) for name in names if name in best.samples]
    figures = listing(f"{label(n)} {decimals(s.mean)} {interval(s) or ''}".strip() for n, s in found)
    untrained = next((row for row in material.rows if row.untrained), None)
    return Answer(
        material.name,
        material.question,
        f"{best.label} has the highest {label(names[0])}.",
        f"It has {figures}.",
        "There is no effect to explain.",
        best,
        untrained,
    )
