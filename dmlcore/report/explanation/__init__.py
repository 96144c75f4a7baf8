"""Why a study's figures are as they are: built from its own runs, a module for each kind of study."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dmlcore.api.blocks import Block, Formula, Section, Text
from dmlcore.report.content.axis import Axis, marginal_axis
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.statistics import LEVEL, compare
from dmlcore.report.content.table import headline, short_name
from dmlcore.report.explanation.batch_size import explain_batch_size, explain_probe
from dmlcore.report.explanation.comparison import explain_comparison
from dmlcore.report.explanation.dimension import explain_dimension
from dmlcore.report.explanation.effect import Effect, effect_of, effect_text
from dmlcore.report.explanation.generic import explain_number
from dmlcore.report.explanation.margin import explain_margin
from dmlcore.report.explanation.phrases import difference, level
from dmlcore.report.explanation.single import explain_single
from dmlcore.text import counted, listing

Explain = Callable[[Effect], Iterator[Block]]


def explain(material: StudyMaterial) -> Section:
    """The explanation of a study, finished or not."""
    probe = [] if material.probe is None else list(explain_probe(material.probe))
    runs = list(_runs(material)) if material.results or not probe else []
    return Section("Explanation", [*probe, *runs], "explanation")


def explain_runs(material: StudyMaterial) -> Section:
    """The explanation of what the runs gave, without the probe's."""
    return Section("Explanation", list(_runs(material)), "explanation")


def _runs(material: StudyMaterial) -> Iterator[Block]:
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
        for row in (row for row in material.rows if not row.untrained):
            yield from explain_single(row, metrics[0])


def _missing(material: StudyMaterial) -> Iterator[Text]:
    """What the figures below do not hold."""
    if material.failures:
        told = " ".join(f"{run}: {reason.rstrip('.')}." for run, reason in material.failures.items())
        yield Text(f"Not in these figures, because training failed ({counted(len(material.failures), 'run')}): {told}")
    if material.unfinished:
        yield Text(
            f"{counted(len(material.unfinished), 'run')} still to be made and not in these figures:"
            f" {listing(material.unfinished)}."
        )
    trained = [row for row in material.rows if not row.untrained]
    old = sum(row.seeds for row in trained if all(sample.replicates is None for sample in row.samples.values()))
    if old:
        yield Text(
            f"{counted(old, 'run')} of {len(material.results)} stored no values for each query, as those of older"
            " versions, or stand beside one that did not: their intervals are over seeds alone, if there are several."
        )


def _loss(material: StudyMaterial) -> Iterator[Block]:
    """The loss's formula, where all runs have one and the same."""
    losses = {(result.loss.name, result.loss.formula) for result in material.results}
    if len(losses) == 1 and (loss := material.results[0].loss).formula:
        yield Text(f"All {counted(len(material.results), 'run')} minimise the loss {loss.name}:")
        yield Formula(loss.formula)


def _against_untrained(material: StudyMaterial, metric: str) -> Iterator[Text]:
    untrained = [row for row in material.rows if row.untrained and metric in row.samples]
    trained = [row for row in material.rows if not row.untrained and metric in row.samples]
    if len(untrained) != 1 or not trained:
        return
    base = untrained[0].samples[metric]
    highest = max(trained, key=lambda row: row.samples[metric].mean)
    test = compare(highest.samples[metric], base)
    which = f"the highest trained one, {highest.label}," if len(trained) > 1 else "the trained one"
    told = f"The untrained network has {short_name(metric)} {level(base)}; {which} {level(highest.samples[metric])}"
    if test is None:
        yield Text(f"{told}. No test says whether they differ.")
    else:
        verdict = "training does change it" if test.p < 1 - LEVEL else "that training changes it is not shown"
        yield Text(f"{told}: {difference(test)}, so {verdict}.")


def _along(material: StudyMaterial, path: str, metrics: tuple[str, ...]) -> Iterator[Block]:
    axis = marginal_axis(material, path)
    effect = None if axis is None else effect_of(axis, metrics[0])
    if axis is None or effect is None:
        yield Text(
            f"{path}: the {counted(len(material.results), 'run')} finished so far give no two values of it that can be"
            f" compared in {short_name(metrics[0])} with the same seeds and all else alike."
        )
        return
    if len(material.varied) > 1:
        over = f", each averaged over {listing(axis.over)}" if axis.over else ""
        yield Text(f"Along {path}, {counted(len(axis.points), 'value')}{over}.")
    yield from _kind(axis)(effect)
    for metric in metrics[1:]:
        other = effect_of(axis, metric)
        if other is not None:
            yield effect_text(other)


def _kind(axis: Axis) -> Explain:
    """Which module explains a path."""
    if not axis.numeric:
        return explain_comparison
    if axis.path == "embedding.dim":
        return explain_dimension
    if axis.path.rpartition(".")[2].endswith("margin"):
        return explain_margin
    if axis.path == "training.batch_size":
        return explain_batch_size
    return explain_number
