"""From reasoning and trials of batch sizes to their regimes, and to the sentences that summarize a probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from dmlcore.engine.probe.reasoning import Reasoning, samples_per_class
from dmlcore.engine.probe.trial import Observation
from dmlcore.engine.trainer import COLLAPSED
from dmlcore.results.trials import Regime, Trial
from dmlcore.study.schema import Run, StudyProbe
from dmlcore.text import counted, listing

REFUSED = "Refused before training: "
"""Prefix of the reason of a size that reasoning refuses."""

MOST = 0.9
"""Share of steps with a loss of exactly zero from which a trial counts as ineffective."""

WEAK = 0.5
"""Share of the best gain below which a trial that learns is weak."""


def trial_of(reasoning: Reasoning, seen: Observation | None, metric: str) -> Trial:
    """Return the trial of one batch size; `compared` later distinguishes weak from fine.

    seen: None if the sampler returns no batch.
    """
    reasons = []
    figures = dict(reasoning.figures)
    if figures:
        reasons.append(f"{reasoning.batch_words()}. An epoch: {reasoning.epoch_words()}.")
    if reasoning.refusal is not None:
        reasons.append(f"{REFUSED}{reasoning.refusal}")
    if reasoning.caution:
        reasons.append(reasoning.caution)
    if seen is not None:
        reasons += _seen(reasoning, seen, metric)
        figures |= seen.figures
    if not reasoning.works or seen is None or seen.error is not None:
        return Trial(reasoning.batch_size, "undefined", tuple(reasons), figures)
    learns = figures.get("gain_low", figures["gain"]) > 0
    nothing = "" if learns else _ineffective(figures)
    regime: Regime = "degenerate" if nothing else "weak"
    return Trial(reasoning.batch_size, regime, (*reasons, *([nothing] if nothing else [])), figures, learns)


def _seen(reasoning: Reasoning, seen: Observation, metric: str) -> Iterator[str]:
    begin = "" if reasoning.works else "Tried anyway: "
    if seen.error is not None:
        yield begin + seen.error
        return
    f = seen.figures
    cosine = f.get("mean_cosine_last")
    yield (
        f"{begin}{counted(int(f['steps']), 'step')}, loss {f['loss_first']:.4g} → {f['loss_last']:.4g}, exactly zero in"
        f" {f['zero_loss_steps']:.0%} of the steps; gradient norm {f['gradient_norm']:.3g}"
        + ("." if cosine is None else f"; final mean cosine within a batch {cosine:.4f}.")
    )
    yield f"{metric} on unseen classes {f['metric_before']:.3f} → {f['metric_after']:.3f}: gain {gain_words(f)}."


def gain_words(figures: Mapping[str, float]) -> str:
    """ "+0.120 (95 % interval over classes +0.080 to +0.160)"."""
    interval = ""
    if "gain_low" in figures:
        interval = f" (95 % interval over classes {figures['gain_low']:+.3f} to {figures['gain_high']:+.3f})"
    return f"{figures['gain']:+.3f}{interval}"


def _ineffective(figures: Mapping[str, float]) -> str:
    """Return why the steps had no effect; empty if there is no sign of it."""
    if figures["zero_loss_steps"] >= MOST:
        return f"The loss is exactly zero in {figures['zero_loss_steps']:.0%} of the steps, so they have no effect."
    if figures["gradient_norm"] == 0:
        return "The gradient is exactly zero in every step, so the steps have no effect."
    if figures.get("mean_cosine_last", 0.0) > COLLAPSED:
        return f"The embeddings collapsed to a single point (mean cosine {figures['mean_cosine_last']:.5f})."
    return ""


def compared(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials by increasing size, classified as weak or fine relative to the largest gain."""
    ordered = sorted(trials, key=lambda trial: trial.batch_size)
    learning = [trial for trial in ordered if trial.learns]
    best = max(learning, key=lambda trial: trial.figures["gain"], default=None)
    return tuple(_against(trial, best) if trial.regime == "weak" else trial for trial in ordered)


def _against(trial: Trial, best: Trial | None) -> Trial:
    if best is None or not trial.learns:
        return evolve(trial, reasons=(*trial.reasons, _not_learned(trial.figures)))
    if trial is best:
        return evolve(trial, regime="fine", reasons=(*trial.reasons, "It has the largest gain of all sizes tried."))
    share = trial.figures["gain"] / best.figures["gain"]
    sentence = f"Its gain is {share:.0%} of that of batch size {best.batch_size} in as many steps."
    return evolve(trial, regime="fine" if share >= WEAK else "weak", reasons=(*trial.reasons, sentence))


def _not_learned(figures: Mapping[str, float]) -> str:
    if "gain_low" not in figures:
        return "It did not learn: the metric did not rise."
    if figures["gain_high"] < 0:
        return "It did not learn: the metric fell significantly."
    return "Inconclusive: the interval of the gain contains 0."


def smallest(trials: Iterable[Trial]) -> int | None:
    """Return the smallest size of some trials."""
    return min((trial.batch_size for trial in trials), default=None)


def conclusions(probe: StudyProbe, classes: int, trials: Sequence[Trial], largest: int | None) -> tuple[str, ...]:
    """Return sentences about all trials, by increasing size; classes: the number of training classes."""
    return (
        _runs_sentence(trials),
        _rule_sentence(probe, classes, trials),
        *_learns_sentences(probe, trials),
        _regimes_sentence(trials),
        "The largest batch that fits in memory was not searched: this device does not report when its memory is full."
        if largest is None
        else f"The largest batch that fits in the device's memory is {largest}.",
    )


def _runs_sentence(trials: Sequence[Trial]) -> str:
    size = smallest(trial for trial in trials if trial.runs)
    if size is None:
        return f"None of the sizes tried runs. {_not(trials[-1])}"
    below = [trial for trial in trials if trial.batch_size < size]
    return " ".join([f"The smallest batch size that runs is {size}.", *map(_not, below[-2:])])


def _not(trial: Trial) -> str:
    return f"{trial.batch_size} fails: {in_short(trial)}"


def in_short(trial: Trial) -> str:
    """Return the decisive reason: the refusal without its advice, or the last observation."""
    refused = [reason for reason in trial.reasons if reason.startswith(REFUSED)]
    text = refused[0].removeprefix(REFUSED).partition(". ")[0] if refused else trial.reasons[-1]
    return f"{text.rstrip('.')}."


def _rule_sentence(probe: StudyProbe, classes: int, trials: Sequence[Trial]) -> str:
    """Compare the result with the rule for balanced batches, or with what the sampler's batches imply."""
    run = probe.run
    each = samples_per_class(run)
    if each is None:
        worked = [trial for trial in trials if not any(reason.startswith(REFUSED) for reason in trial.reasons)]
        return f"The sampler does not balance classes; examining its batches {_found(smallest(worked), trials)}"
    conditions, expected = rule(run, each, classes)
    return f"With K = {each} images per class, the rule ({listing(conditions)}) {_found(expected, trials)}"


def rule(run: Run, each: int, classes: int) -> tuple[list[str], int | None]:
    """Return the conditions on a batch of B images, K = `each` per class, and the smallest B, if there is one."""
    loss = run.study.needed_loss
    least = (2 if loss.needs_negatives else 1) * each
    conditions = ["K ≥ 2 for a positive pair"] if loss.needs_positives else []
    conditions.append("B ≥ 2K for a negative pair" if loss.needs_negatives else "B ≥ K")
    conditions += ["B a multiple of K", f"B ≤ K·C = {each * classes:,}"]
    possible = (each >= 2 or not loss.needs_positives) and least <= each * classes
    return conditions, least if possible else None


def _found(expected: int | None, trials: Sequence[Trial]) -> str:
    found = smallest(trial for trial in trials if trial.runs)
    if expected is None:
        return f"allows no size{', which agrees' if found is None else f', but {found} runs'}."
    if expected == found:
        return f"gives {expected}, which agrees."
    if expected not in {trial.batch_size for trial in trials}:
        return f"gives {expected}, which was not tried."
    return f"gives {expected}, but {'none tried runs' if found is None else f'the smallest that runs is {found}'}."


def _learns_sentences(probe: StudyProbe, trials: Sequence[Trial]) -> Iterator[str]:
    steps = counted(probe.table.steps, "step")
    size = smallest(trial for trial in trials if trial.learns)
    if size is None:
        yield f"None of the sizes tried learns in {steps}."
        return
    by_size = {trial.batch_size: trial for trial in trials}
    below = [trial for trial in trials if trial.batch_size < size and trial.runs]
    smaller = "It is also the smallest that runs."
    if below:
        smaller = f"The next smaller, {below[-1].batch_size}, does not: {gain_words(below[-1].figures)}."
    yield (
        f"The smallest that learns in {steps} is {size}: {probe.table.metric} on unseen classes"
        f" {gain_words(by_size[size].figures)}. {smaller}"
    )
    own = by_size.get(probe.run.study.training.batch_size)
    if own is not None and own.runs and own.batch_size != size:
        yield f"Batch size {own.batch_size} of the study: {gain_words(own.figures)}."


def _regimes_sentence(trials: Sequence[Trial]) -> str:
    sizes: dict[str, list[str]] = {}
    for trial in trials:
        sizes.setdefault(trial.regime, []).append(str(trial.batch_size))
    return f"Regimes of the sizes tried: {'; '.join(f'{regime} {listing(of)}' for regime, of in sizes.items())}."
