"""From reasoning and trials of batch sizes to the rule, and to the regime of each size with its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from attrs import evolve

from dmlcore.engine.probe.reasoning import Reasoning, refusal, samples_per_class, smallest_batch
from dmlcore.engine.probe.trial import Observation
from dmlcore.results.trials import Rule, Trial, best_of, graded, regime_of
from dmlcore.study.schema import Run
from dmlcore.text import counted


def rule_of(run: Run, labels: np.ndarray) -> Rule:
    """Return which batch sizes the run's sampler and loss allow on training labels (N,).

    The sampler's own batches decide; no training.
    """
    loss, sampler = run.study.needed_loss, run.study.needed_sampler
    found, each, classes = smallest_batch(run, labels), samples_per_class(run), len(np.unique(labels))

    def refused(size: int | None) -> bool:
        return size is not None and refusal(run, labels, size) is not None

    most = None if each is None else each * classes
    return Rule(
        sampler=sampler.name,
        loss=loss.name,
        needs_positives=loss.needs_positives,
        needs_negatives=loss.needs_negatives,
        samples_per_class=each,
        classes=classes,
        smallest=found.size,
        below=found.why_not_below,
        multiples=(each or 0) > 1 and found.size is not None and refused(found.size + 1),
        largest=most if each is not None and most is not None and refused(most + each) else None,
        trains_batchnorm=not run.study.training.freeze_batchnorm,
    )


def trial_of(reasoning: Reasoning, seen: Observation | None, metric: str) -> Trial:
    """Return the trial of one batch size; `compared` later distinguishes weak from learning.

    seen: None if the sampler returns no batch.
    """
    reasons = []
    figures = dict(reasoning.figures)
    if figures:
        reasons.append(f"{reasoning.batch_words()}. An epoch: {reasoning.epoch_words()}.")
    if reasoning.caution:
        reasons.append(reasoning.caution)
    if seen is not None:
        figures |= seen.figures
        reasons += [seen.error] if seen.error is not None else _seen(figures, metric)
    return Trial(reasoning.batch_size, regime_of(figures), tuple(reasons), figures, reasoning.refusal or "")


def _seen(f: Mapping[str, float], metric: str) -> Iterator[str]:
    yield (
        f"{counted(int(f['steps']), 'step')}, loss {f['loss_first']:.4g} → {f['loss_last']:.4g}, exactly zero in"
        f" {f['zero_loss_steps']:.0%} of the steps; gradient norm {f['gradient_norm']:.3g}."
    )
    yield f"Mean cosine of all pairs of unseen images {f['unseen_cosine_before']:.4f} → {f['unseen_cosine']:.4f}."
    yield f"{metric} on unseen classes {f['metric_before']:.3f} → {f['metric_after']:.3f}: gain {gain_words(f)}."


def gain_words(figures: Mapping[str, float]) -> str:
    """ "+0.120 (95 % interval over classes +0.080 to +0.160)"."""
    interval = ""
    if "gain_low" in figures:
        interval = f" (95 % interval over classes {figures['gain_low']:+.3f} to {figures['gain_high']:+.3f})"
    return f"{figures['gain']:+.3f}{interval}"


def compared(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials by increasing size, with their final regimes and a last reason about the gain."""
    best = best_of(trials)
    return tuple(
        evolve(trial, reasons=(*trial.reasons, _last_reason(trial, best))) if trial.stepped else trial
        for trial in graded(trials)
    )


def _last_reason(trial: Trial, best: Trial | None) -> str:
    """Return the reason for the regime of a trial, all steps of which succeeded."""
    f = trial.figures
    match trial.regime:
        case "no signal" if f["zero_loss_steps"] == 1:
            return "The loss is exactly zero in every step, so it has no gradient."
        case "no signal":
            return "The gradient is exactly zero in every step."
        case "collapsed":
            return f"The embeddings collapsed to nearly one point (mean cosine {f['unseen_cosine']:.4f})."
        case "harmful":
            return "The metric fell: the interval of the gain is below 0."
        case "inconclusive" if "gain_low" in f:
            return "Inconclusive: the interval of the gain contains 0."
        case "inconclusive":
            return "The metric did not rise."
    if best is None or trial.batch_size == best.batch_size:
        return "It has the largest gain of the sizes that the rule allows." if best else "The metric rose."
    return f"Its gain is {f['gain'] / best.figures['gain']:.0%} of that of batch size {best.batch_size}."


def in_short(trial: Trial) -> str:
    """Return the decisive reason: the refusal without its advice, or the last observation."""
    text = trial.refused.partition(". ")[0] or trial.reasons[-1]
    return f"{text.rstrip('.')}."
