"""Why a study's numbers are as they are: derived from its runs, with a module for each kind of study."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Formula, Table, Text
from dmlcore.report.content.axis import Axis
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import TRAINED, kind_of
from dmlcore.report.content.naming import setting_name
from dmlcore.report.content.quantities import MISSING, label, signed
from dmlcore.report.content.statistics import LEVEL, holm
from dmlcore.report.content.table import headline
from dmlcore.report.explanation.choices import explain_choices
from dmlcore.report.explanation.effect import Effect, effect_of, effect_text
from dmlcore.report.explanation.findings import Findings, findings_of
from dmlcore.report.explanation.mechanism import Mechanism, mechanism_blocks
from dmlcore.report.explanation.mechanisms import TRAINING, mechanisms_of
from dmlcore.report.explanation.phrases import p_cell
from dmlcore.text import capitalized, counted, listing


def explain(material: StudyMaterial) -> Iterator[Block]:
    """Return the explanation of the runs that are finished."""
    yield from _missing(material)
    findings = findings_of(material)
    if findings is None:
        yield Text(f"{counted(len(material.results), 'run')} finished: there is nothing to explain yet.")
        return
    yield Text(findings.verdict)
    yield from explain_choices(material)
    yield from _loss(material)
    yield from _training(findings)
    mechanisms = mechanisms_of(material, findings)
    if not material.varied:
        yield from mechanism_blocks(mechanisms[TRAINING])
    for path in material.varied:
        yield from _along(material, findings, path, mechanisms.get(path))


def _missing(material: StudyMaterial) -> Iterator[Text]:
    """What is not included in the explanation."""
    if material.damaged:
        yield Text(f"Not included: {counted(len(material.damaged), 'damaged run')}. {listing(material.damaged)}.")
    if material.failures:
        reasons = " ".join(f"{run}: {reason.rstrip('.')}." for run, reason in material.failures.items())
        yield Text(f"Not included: {counted(len(material.failures), 'failed run')}. {reasons}")
    if material.outdated:
        runs = counted(len(material.outdated), "outdated run")
        yield Text(f"Not included: {runs}. {listing(material.outdated)}.")
    if material.unfinished:
        runs = counted(len(material.unfinished), "unfinished run")
        yield Text(f"Not included: {runs}. {listing(material.unfinished)}.")
    old = sum(row.seeds for row in material.trained if all(s.replicates is None for s in row.samples.values()))
    if old:
        yield Text(
            f"{counted(old, 'run')} of {len(material.results)} can't use per-query values, because these or other seeds"
            " of the same row come from an older version that did not store them. Their intervals use seeds only."
        )


def _loss(material: StudyMaterial) -> Iterator[Block]:
    """The loss's formula, if all runs that train have the same."""
    trained = [result for result in material.results if kind_of(result) == TRAINED]
    losses = {(result.loss.name, result.loss.formula) for result in trained}
    if len(losses) == 1 and (loss := trained[0].loss).formula:
        runs = "All runs minimize" if len(trained) > 1 else "The run minimizes"
        yield Text(f"{runs} the loss {loss.name}:")
        yield Formula(loss.formula)


def _training(findings: Findings) -> Iterator[Text]:
    """Whether training helped, with its test."""
    if findings.training is not None and findings.effects:
        yield Text(f"{findings.training_verdict} {capitalized(findings.training.evidence)}.")
    elif findings.training is not None:
        yield Text(f"{capitalized(findings.training.evidence)}.")


def _along(material: StudyMaterial, findings: Findings, path: str, mechanism: Mechanism | None) -> Iterator[Block]:
    effect = findings.effects.get(path)
    if effect is None or mechanism is None:
        yield Text(
            f"Effect of the {setting_name(path)}: nothing can be compared, because the"
            f" {counted(len(material.results), 'finished run')} do not include two values with {findings.name} for the"
            " same seeds and otherwise equal settings."
        )
        return
    if effect.axis.over:
        values = counted(len(effect.axis.points), "value")
        yield Text(f"Effect of the {effect.axis.title}: {values}, each averaged over {listing(effect.axis.over)}.")
    yield effect_text(effect, findings.claims[path])
    yield from _other_metrics(effect.axis, [name for name in headline(material) if name != findings.metric])
    yield from mechanism_blocks(mechanism)


def _other_metrics(axis: Axis, metrics: list[str]) -> Iterator[Table]:
    """Where the other metrics are highest and lowest, with the tests corrected for all of them together."""
    effects = [effect for name in metrics if (effect := effect_of(axis, name))]
    if not effects:
        return
    adjusted = iter(holm([effect.span.p for effect in effects if effect.span is not None]))
    rows = tuple(_metric_row(effect, next(adjusted) if effect.span else None) for effect in effects)
    header = ("metric", "highest", "lowest", "difference", f"{LEVEL:.0%} interval", "p (Holm)")
    yield Table(header, rows, "The other metrics", words=3)


def _metric_row(effect: Effect, p: float | None) -> tuple[str, ...]:
    high, low = effect.highest, effect.lowest
    apart = signed(effect.sample(high).mean - effect.sample(low).mean)
    tested = (MISSING, MISSING) if effect.span is None or p is None else (str(effect.span.interval), p_cell(p))
    return (label(effect.metric), effect.axis.named(high), effect.axis.named(low), apart, *tested)
