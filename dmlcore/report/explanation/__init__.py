"""Why a study's numbers are as they are: derived from its runs, with a module for each kind of study."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dmlcore.api.blocks import Block, Formula, Text
from dmlcore.report.content.axis import Axis, marginal_axis
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import label
from dmlcore.report.content.statistics import LEVEL, compare
from dmlcore.report.content.table import headline
from dmlcore.report.explanation.batch_size import batch_composition
from dmlcore.report.explanation.comparison import explain_comparison
from dmlcore.report.explanation.dimension import dimension_use
from dmlcore.report.explanation.effect import Effect, against_highest, edge_text, effect_of, effect_text, steps_grid
from dmlcore.report.explanation.margin import margin_activity
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import difference, level
from dmlcore.report.explanation.single import explain_single
from dmlcore.text import counted, listing

MECHANISMS: dict[str, Callable[[Effect], Iterator[Block]]] = {
    "embedding.dim": dimension_use,
    "training.batch_size": batch_composition,
}
"""Numeric path → what may explain its effect; for other paths none is claimed."""


def explain(material: StudyMaterial) -> Iterator[Block]:
    """Return the explanation of the runs that are finished."""
    yield from _missing(material)
    metrics = headline(material)
    if not metrics:
        yield Text(f"{counted(len(material.results), 'run')} finished: there is nothing to explain yet.")
        return
    yield from _loss(material)
    yield from _against_untrained(material, metrics[0])
    for path in material.varied:
        yield from _along(material, path, metrics)
    if not material.varied:
        for row in material.trained:
            yield from explain_single(row, metrics[0])


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
    """The loss's formula, if all runs have the same."""
    losses = {(result.loss.name, result.loss.formula) for result in material.results}
    if len(losses) == 1 and (loss := material.results[0].loss).formula:
        yield Text(f"All {counted(len(material.results), 'run')} minimize the loss {loss.name}:")
        yield Formula(loss.formula)


def _against_untrained(material: StudyMaterial, metric: str) -> Iterator[Text]:
    untrained = [row for row in material.rows if row.untrained and metric in row.samples]
    trained = [row for row in material.trained if metric in row.samples]
    if len(untrained) != 1 or not trained:
        return
    base = untrained[0].samples[metric]
    highest = max(trained, key=lambda row: row.samples[metric].mean)
    which = f"best trained network, {highest.label}," if len(trained) > 1 else "trained network"
    text = f"The untrained network has {label(metric)} {level(base)}; the {which} has {level(highest.samples[metric])}."
    test = compare(highest.samples[metric], base)
    if test is None:
        yield Text(f"{text} Whether they differ can't be tested.")
    else:
        verdict = "is" if test.p < 1 - LEVEL else "is not"
        yield Text(f"{text} The difference {verdict} significant: {difference(test)}.")


def _along(material: StudyMaterial, path: str, metrics: tuple[str, ...]) -> Iterator[Block]:
    axis = marginal_axis(material, path)
    effect = None if axis is None else effect_of(axis, metrics[0])
    if axis is None or effect is None:
        yield Text(
            f"{path}: the {counted(len(material.results), 'finished run')} do not include two values with"
            f" {label(metrics[0])} for the same seeds and otherwise equal settings, so nothing can be compared."
        )
        return
    if len(material.varied) > 1:
        over = f", each averaged over {listing(axis.over)}" if axis.over else ""
        yield Text(f"Effect of {path}: {counted(len(axis.points), 'value')}{over}.")
    yield from _explained(axis, effect)
    for metric in metrics[1:]:
        other = effect_of(axis, metric)
        if other is not None:
            yield effect_text(other)


def _explained(axis: Axis, effect: Effect) -> Iterator[Block]:
    if not axis.numeric:
        yield from explain_comparison(effect)
        return
    yield effect_text(effect)
    yield from against_highest(effect)
    yield edge_text(effect)
    yield steps_grid(effect)
    if axis.path.rpartition(".")[2].endswith("margin"):
        yield from margin_activity(effect)
    elif axis.path in MECHANISMS:
        yield from MECHANISMS[axis.path](effect)
    yield from moved_blocks(effect)
