"""The answer of a study in a few sentences, for the first page of a report."""

from __future__ import annotations

from attrs import frozen

from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import PointMeasurements
from dmlcore.report.content.quantities import decimals, label
from dmlcore.report.content.statistics import interval
from dmlcore.report.content.table import headline
from dmlcore.report.explanation.evidence import seeds_known
from dmlcore.report.explanation.findings import Findings, findings_of
from dmlcore.report.explanation.mechanism import Mechanism
from dmlcore.report.explanation.mechanisms import mechanisms_of
from dmlcore.text import capitalized, listing

REASONS = 2
"""Shown claims that an answer repeats."""


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
    findings = findings_of(material)
    if findings is None:
        return None
    mechanisms = mechanisms_of(material, findings)
    return Answer(
        material.name,
        material.question,
        findings.verdict,
        f"{capitalized(findings.best.label)} has the highest {findings.name}: {_metrics(material, findings.best)}."
        if len(material.trained) > 1
        else f"The {findings.best.label} network has {_metrics(material, findings.best)}.",
        _reason(findings, mechanisms),
        findings.best,
        findings.untrained,
    )


def _metrics(material: StudyMaterial, row: PointMeasurements) -> str:
    """ "Recall@1 0.7200 [0.690, 0.751], …"."""
    found = [(name, row.samples[name]) for name in headline(material) if name in row.samples]
    return listing(f"{label(n)} {decimals(s.mean)} {interval(s) or ''}".strip() for n, s in found)


def _reason(findings: Findings, mechanisms: dict[str, Mechanism]) -> str:
    shown = [claim for mechanism in mechanisms.values() for claim in mechanism.shown]
    if shown:
        return " ".join(claim.sentence for claim in shown[:REASONS])
    numbers = " ".join(filter(None, (mechanism.summary for mechanism in mechanisms.values())))
    if any(map(findings.changes, findings.effects)):
        return f"Why is not shown by these runs: none of the expected steps is significant. {numbers}".strip()
    if not all(seeds_known(effect.axis) for effect in findings.effects.values()):
        return f"No reason can be shown with one seed. {numbers}".strip()
    if findings.effects:
        return f"There is no effect to explain. {numbers}".strip()
    return ""
