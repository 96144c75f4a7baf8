"""The batch sizes that a probe tried: the rule, what happened below, at and above it, and the smallest of each kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.quantities import MISSING, column, decimals, label, signed, typeset
from dmlcore.report.explanation.batch_rule import composition, rule_blocks, why_none
from dmlcore.results.trials import Probe, Regime, Trial, best_of
from dmlcore.text import counted, listing

REGIMES: dict[Regime, str] = {
    "impossible": "the sampler forms no batch",
    "failed": "a step failed, or the loss or the embeddings were not finite",
    "no signal": "the loss or its gradient was exactly zero in every step",
    "collapsed": "the embeddings moved to nearly one point",
    "harmful": "the metric fell beyond chance",
    "inconclusive": "the interval of the gain contains 0",
    "weak": "the metric rose, by less than half of the best gain",
    "learns": "the metric rose beyond chance",
}

COLUMNS = ("positives_per_anchor", "negatives_per_anchor", "zero_loss_steps", "gradient_norm", "unseen_cosine")

FEW_STEPS = 10
"""With fewer steps per size, a probe shows which sizes run, but not which learn."""


def explain_probe(probe: Probe) -> Iterator[Block]:
    """State the rule, show the trials, and describe those below, at and above the rule."""
    if not probe.trials:
        yield Text("The probe has 0 trials, so it says nothing about the batch size.")
        return
    if probe.rule is not None:
        yield from rule_blocks(probe.rule)
    yield _trials_grid(probe)
    yield from map(Text, _below(probe))
    yield from map(Text, _allowed(probe))
    yield from map(Text, conclusions(probe))
    yield Text(
        f"Every size trains {counted(probe.steps, 'step')}, so a larger batch has seen more images. Gradient"
        " accumulation does not replace a larger batch: it adds up the gradients of small batches, and no pair has its"
        " images in two of them."
    )


def conclusions(probe: Probe) -> tuple[str, ...]:
    """Return sentences on the smallest size that runs, the smallest that learns, and the largest that fits."""
    most = probe.largest_that_fits
    return (
        minimum_sentence(probe),
        *_learning(probe),
        "The largest batch that fits in memory was not searched: this device does not report when its memory is full."
        if most is None
        else f"The largest batch that fits in the device's memory is {most}.",
    )


def minimum_sentence(probe: Probe) -> str:
    """Return the smallest batch size with which training runs, and why the next smaller one does not."""
    if probe.rule is None:
        return " ".join([_smallest_tried(probe), *_just_below(probe, probe.smallest_that_runs)])
    least = probe.rule.smallest
    if least is None:
        return f"Training runs with none of the sizes examined: {why_none(probe.rule)}"
    found = probe.trial(least)
    each = probe.rule.samples_per_class or _each(found)
    of = f" ({composition(least, each)})" if each and least > 1 and least % each == 0 else ""
    if found is None:
        return f"By the rule, the smallest batch is {least}{of}; it was not tried. The sizes tried are {_sizes(probe)}."
    if not found.runs:
        failed = f"By the rule, the smallest batch is {least}{of}, but {_outcome(probe, found)}: {found.reasons[-1]}"
        return f"{failed} {_smallest_tried(probe)}"
    return " ".join([f"The smallest batch with which training runs is {least}{of}.", *_just_below(probe, least)])


def _each(trial: Trial | None) -> int:
    """The images of each class in the batches of a trial; 0 if they differ or it was not tried."""
    each = 0.0 if trial is None else trial.figures.get("positives_per_anchor", -1.0) + 1
    return int(each) if each.is_integer() else 0


def _smallest_tried(probe: Probe) -> str:
    size = probe.smallest_that_runs
    if size is None:
        return f"Training ran with none of the sizes tried: {_sizes(probe)}."
    return f"The smallest size tried with which training ran is {size}."


def _just_below(probe: Probe, least: int | None) -> Iterator[str]:
    """The largest size below the smallest one with which steps were tried, else the largest refused."""
    below = [trial for trial in probe.trials if least is not None and trial.batch_size < least]
    tried = [trial for trial in below if trial.regime != "impossible"]
    if tried and tried[-1].refused:
        yield f"{tried[-1].batch_size} is refused: {_lack(tried[-1])}. Tried anyway, {_outcome(probe, tried[-1])}."
    elif below:
        last = (tried or below)[-1]
        yield f"{last.batch_size} fails: {_lack(last) if last.refused else last.reasons[-1].rstrip('.')}."
    elif probe.rule is not None and probe.rule.below:
        yield f"{probe.rule.smallest - 1} is refused: {_short(probe.rule.below)}." if probe.rule.smallest else ""


def _learning(probe: Probe) -> Iterator[str]:
    steps, metric = counted(probe.steps, "step"), label(probe.metric)
    if probe.steps < FEW_STEPS:
        yield f"{steps} per size are too few to learn anything: this probe shows only which sizes run."
        return
    size = probe.smallest_that_learns
    trial = probe.trial(size)
    if trial is None:
        yield f"None of the sizes tried learns in {steps}: no gain in {metric} has an interval above 0."
        return
    if "gain_low" not in trial.figures:
        yield (
            f"The smallest size tried with a higher {metric} after {steps} is {size}: {_gain(trial)}. {metric} has no"
            " interval, so chance can't be excluded."
        )
        return
    text = f"The smallest size tried that learns in {steps} is {size}: {metric} on unseen classes, {_gain(trial)}."
    below = [other for other in probe.trials if other.runs and other.batch_size < trial.batch_size]
    if below:
        text += f" The next smaller size tried that runs, {below[-1].batch_size}, is {below[-1].regime}:"
        text += f" {_gain(below[-1])}."
    elif probe.rule is not None and probe.rule.smallest == size:
        text += " It is also the smallest that the rule allows."
    best = best_of(probe.trials)
    if best is not None and best is not trial:
        text += f" The largest gain is that of {best.batch_size}: {_gain(best)}."
    yield text


def _below(probe: Probe) -> Iterator[str]:
    """Describe the sizes that the rule refuses: why, and what happened when they were tried anyway."""
    refused = [trial for trial in probe.trials if trial.refused]
    without: dict[str, list[Trial]] = {}
    for trial in refused:
        if trial.regime == "impossible":
            without.setdefault(re.sub(rf"\b{trial.batch_size}\b", "B", trial.refused), []).append(trial)
    for alike in without.values():
        yield f"{_named(alike)}: refused, and the sampler forms no batch. {_short(alike[-1].refused)}."
    for trial in refused:
        if trial.regime != "impossible":
            yield (
                f"{_named([trial])}: refused, since {_lack(trial)}. {_consequence(trial)} Tried anyway,"
                f" {_outcome(probe, trial)}. {_measured(probe, trial)}"
            )


def _allowed(probe: Probe) -> Iterator[str]:
    """Describe the sizes at and above the smallest that the rule allows."""
    allowed = [trial for trial in probe.trials if not trial.refused]
    least = None if probe.rule is None else probe.rule.smallest
    at = [trial for trial in allowed if trial.batch_size == least]
    for trial in at:
        yield f"{_named(at)}, the smallest that the rule allows: {_outcome(probe, trial)}. {_measured(probe, trial)}"
    above = [trial for trial in allowed if trial not in at]
    for trial in above:
        if not trial.stepped:
            yield f"{_named([trial])}: {_outcome(probe, trial)}. {_measured(probe, trial)}"
    found = {regime: [t for t in above if t.stepped and t.regime == regime] for regime in REGIMES}
    parts = [f"{regime} {listing(str(t.batch_size) for t in trials)}" for regime, trials in found.items() if trials]
    if parts:
        yield f"{'Above the smallest size' if at else 'Sizes that the rule allows'}: {'; '.join(parts)}."


def _lack(trial: Trial) -> str:
    """The pairs that the batches of a refused size do not have, else the refusal."""
    pairs = ("positives_per_anchor", "negatives_per_anchor")
    missing = [name.partition("s_")[0] for name in pairs if trial.figures.get(name) == 0]
    if not missing:
        return _short(trial.refused)
    return f"its batches have no {' and no '.join(missing)} pair"


def _consequence(trial: Trial) -> str:
    """What a missing kind of pair means by the definition of a loss of pairs or triplets."""
    if trial.figures.get("negatives_per_anchor") == 0 and trial.figures.get("positives_per_anchor") == 0:
        return "A loss of pairs or triplets then has no term at all."
    if trial.figures.get("negatives_per_anchor") == 0:
        return (
            "A loss of pairs then has no term that separates classes: all images in one point are its minimum. A loss"
            " of triplets has no term at all."
        )
    if trial.figures.get("positives_per_anchor") == 0:
        return (
            "A loss of pairs then has no term that pulls the images of a class together. A loss of triplets has no"
            " term at all."
        )
    return ""


def _outcome(probe: Probe, trial: Trial) -> str:
    """ "it collapsed in 60 steps"."""
    metric, steps = label(probe.metric), counted(probe.steps, "step")
    outcomes: dict[Regime, str] = {
        "impossible": "no batch can be formed",
        "failed": "a step failed",
        "no signal": f"it had a loss or a gradient of exactly zero in all {steps}",
        "collapsed": f"it collapsed in {steps}{_cosines(trial.figures)}",
        "harmful": f"its {metric} fell in {steps}",
        "inconclusive": f"its {metric} did not change beyond chance in {steps}",
    }
    return outcomes.get(trial.regime, f"its {metric} rose in {steps}")


def _measured(probe: Probe, trial: Trial) -> str:
    """The loss, the metric and its gain; for a trial that failed its last reason."""
    f = trial.figures
    if "gain" not in f or "loss_first" not in f:
        return trial.reasons[-1]
    text = f"Loss {_change(f, 'loss_first', 'loss_last')}; {label(probe.metric)} on unseen classes"
    text += f" {_change(f, 'metric_before', 'metric_after')}, {_gain(trial)}."
    if trial.regime == "collapsed" and f.get("gain_low", 0.0) > 0:
        text += " A ranking does not depend on how close all images are, so it can improve on the way to one point."
    return text


def _change(figures: Mapping[str, float], before: str, after: str) -> str:
    """ "0.9564 → 0.9947"."""
    return f"{decimals(figures[before])} → {decimals(figures[after])}"


def _cosines(figures: Mapping[str, float]) -> str:
    """How near to one point a collapse ended; empty in a probe of an older version."""
    if "unseen_cosine" not in figures or "unseen_cosine_before" not in figures:
        return ""
    return f" (mean cosine of unseen images {_change(figures, 'unseen_cosine_before', 'unseen_cosine')})"


def _short(text: str) -> str:
    """A refusal without its advice."""
    return text.partition(". ")[0].rstrip(".")


def _named(trials: Sequence[Trial]) -> str:
    noun = "Batch size" if len(trials) == 1 else "Batch sizes"
    return f"{noun} {listing(str(trial.batch_size) for trial in trials)}"


def _sizes(probe: Probe) -> str:
    return listing(str(trial.batch_size) for trial in probe.trials)


def _gain(trial: Trial) -> str:
    """ "gain +0.120 [0.080, 0.160]"."""
    return f"gain {signed(trial.figures['gain'], 3)}{_interval(trial.figures)}"


def _gain_cell(figures: Mapping[str, float]) -> str:
    return signed(figures["gain"], 3) + _interval(figures, "\n") if "gain" in figures else MISSING


def _trials_grid(probe: Probe) -> Table:
    shown = [name for name in COLUMNS if len({t.figures[name] for t in probe.trials if name in t.figures}) > 1]
    columns = (
        [str(trial.batch_size) for trial in probe.trials],
        [f"refused, {trial.regime}" if trial.refused else trial.regime for trial in probe.trials],
        *(column(name, [trial.figures.get(name) for trial in probe.trials]) for name in shown),
        [_gain_cell(trial.figures) for trial in probe.trials],
    )
    rows = tuple(zip(*columns, strict=True))
    found = {trial.regime for trial in probe.trials}
    meanings = "; ".join(f"{regime}: {meaning}" for regime, meaning in REGIMES.items() if regime in found)
    gain = f"{label('gain')} in {label(probe.metric)}"
    notes = (
        f"Each size was trained for {counted(probe.steps, 'step')}; sizes that the rule refuses too, where the sampler"
        " forms batches."
        f" The {gain} is measured on unseen classes, with its interval over classes.",
        f"{meanings}.",
    )
    header = ("batch size", "outcome", *map(label, shown), gain)
    return Table(header, rows, "Results of each batch size", notes, words=2)


def _interval(figures: Mapping[str, float], before: str = " ") -> str:
    if "gain_low" not in figures or "gain_high" not in figures:
        return ""
    return typeset(f"{before}[{figures['gain_low']:.3f}, {figures['gain_high']:.3f}]")
