"""From what was reasoned and seen of batch sizes to their regimes, and to the sentences that sum a probe up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from attrs import evolve

from dmlcore.engine.probe.reasoning import Reasoning, samples_per_class
from dmlcore.engine.probe.trial import Observation
from dmlcore.engine.trainer import COLLAPSED
from dmlcore.results.trials import Regime, Trial
from dmlcore.study.schema import Run, StudyProbe
from dmlcore.text import counted, listing

REFUSED = "Refused before training: "
"""Starts the reason of a size that reasoning does not allow."""

MOST = 0.9
"""Share of the steps with a loss of exactly zero from which on a trial taught nothing."""

WEAK = 0.5
"""Share of the best gain below which a trial that learns is weak."""


def trial_of(reasoning: Reasoning, seen: Observation | None, metric: str) -> Trial:
    """What one batch size gave; `compared` tells a weak signal from a fine one.

    seen: None where the sampler makes no batch.
    """
    reasons = [*_reasoned(reasoning), *(_seen(reasoning, seen, metric) if seen is not None else [])]
    figures = {**reasoning.figures, **(seen.figures if seen is not None else {})}
    if not reasoning.works or seen is None or seen.error is not None:
        return Trial(reasoning.batch_size, "undefined", tuple(reasons), figures)
    learns = figures.get("gain_low", figures["gain"]) > 0
    nothing = "" if learns else _taught_nothing(figures)
    regime: Regime = "degenerate" if nothing else "weak"
    return Trial(reasoning.batch_size, regime, (*reasons, *([nothing] if nothing else [])), figures, learns)


def _reasoned(reasoning: Reasoning) -> Iterator[str]:
    if reasoning.figures:
        yield f"{reasoning.batch_words()}. An epoch: {reasoning.epoch_words()}."
    if reasoning.refusal is not None:
        yield f"{REFUSED}{reasoning.refusal}"
    if reasoning.caution:
        yield reasoning.caution


def _seen(reasoning: Reasoning, seen: Observation, metric: str) -> Iterator[str]:
    begin = "" if reasoning.works else "Tried all the same: "
    if seen.error is not None:
        yield begin + seen.error
        return
    f = seen.figures
    cosine = f.get("mean_cosine_last")
    yield (
        f"{begin}{counted(seen.steps, 'step')}, loss {f['loss_first']:.4g} → {f['loss_last']:.4g}, exactly zero in"
        f" {f['zero_loss_steps']:.0%} of the steps; length of the gradient {f['gradient_norm']:.3g}"
        + ("." if cosine is None else f"; mean cosine between a batch's embeddings at the end {cosine:.4f}.")
    )
    yield f"{metric} on unseen classes {f['metric_before']:.3f} → {f['metric_after']:.3f}: gain {gain_words(f)}."


def gain_words(figures: Mapping[str, float]) -> str:
    """ "+0.120 (95 % interval over classes +0.080 to +0.160)"."""
    interval = ""
    if "gain_low" in figures:
        interval = f" (95 % interval over classes {figures['gain_low']:+.3f} to {figures['gain_high']:+.3f})"
    return f"{figures['gain']:+.3f}{interval}"


def _taught_nothing(figures: Mapping[str, float]) -> str:
    """Why steps that were made taught nothing; empty where nothing speaks for it."""
    if figures["zero_loss_steps"] >= MOST:
        return f"The loss is exactly zero in {figures['zero_loss_steps']:.0%} of the steps, so they teach nothing."
    if figures["gradient_norm"] == 0:
        return "The gradient is exactly zero in every step, so they teach nothing."
    if figures.get("mean_cosine_last", 0.0) > COLLAPSED:
        return f"The embeddings collapsed into one point (mean cosine {figures['mean_cosine_last']:.5f})."
    return ""


def compared(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """The trials by rising size, weak ones told from fine ones by the largest gain of all."""
    ordered = sorted(trials, key=lambda trial: trial.batch_size)
    learning = [trial for trial in ordered if trial.learns]
    best = max(learning, key=lambda trial: trial.figures["gain"], default=None)
    return tuple(_against(trial, best) if trial.regime == "weak" else trial for trial in ordered)


def _against(trial: Trial, best: Trial | None) -> Trial:
    if best is None or not trial.learns:
        return evolve(trial, reasons=(*trial.reasons, _nothing_learnt(trial.figures)))
    if trial is best:
        return evolve(trial, regime="fine", reasons=(*trial.reasons, "It learns the most of all sizes tried."))
    share = trial.figures["gain"] / best.figures["gain"]
    sentence = f"It learns {share:.0%} of what a batch of {best.batch_size} learns in as many steps."
    return evolve(trial, regime="fine" if share >= WEAK else "weak", reasons=(*trial.reasons, sentence))


def _nothing_learnt(figures: Mapping[str, float]) -> str:
    if "gain_low" not in figures:
        return "It has learnt nothing: the metric did not rise."
    if figures["gain_high"] < 0:
        return "It has learnt nothing: the metric fell, by more than its interval."
    return "It can't be told whether it has learnt anything: the gain's interval holds 0."


def smallest_that_runs(trials: Sequence[Trial]) -> int | None:
    """Of the sizes tried."""
    return min((trial.batch_size for trial in trials if trial.runs), default=None)


def smallest_that_learns(trials: Sequence[Trial]) -> int | None:
    """Of the sizes tried."""
    return min((trial.batch_size for trial in trials if trial.learns), default=None)


def conclusions(probe: StudyProbe, classes: int, trials: Sequence[Trial], largest: int | None) -> tuple[str, ...]:
    """What all trials together say, by rising size; `classes` are those to train on."""
    return (
        _runs_sentence(trials),
        _rule_sentence(probe, classes, trials),
        *_learns_sentences(probe, trials),
        _regimes_sentence(trials),
        "The largest batch that memory holds was not looked for: this device does not say when it is full."
        if largest is None
        else f"The largest batch that the device's memory holds is {largest}.",
    )


def _runs_sentence(trials: Sequence[Trial]) -> str:
    size = smallest_that_runs(trials)
    if size is None:
        return f"None of the sizes tried runs. {_not(trials[-1])}"
    below = [trial for trial in trials if trial.batch_size < size]
    return " ".join([f"The smallest batch size that runs is {size}.", *map(_not, below[-2:])])


def _not(trial: Trial) -> str:
    return f"Not {trial.batch_size}: {in_short(trial)}"


def in_short(trial: Trial) -> str:
    """The reason that decides: the refusal, without its advice, or what was seen last."""
    refused = [reason for reason in trial.reasons if reason.startswith(REFUSED)]
    text = refused[0].removeprefix(REFUSED).partition(". ")[0] if refused else trial.reasons[-1]
    return f"{text.rstrip('.')}."


def _rule_sentence(probe: StudyProbe, classes: int, trials: Sequence[Trial]) -> str:
    """The rule for balanced batches beside what was found, or what the sampler's batches led to expect."""
    run = probe.run
    each = samples_per_class(run)
    if each is None:
        worked = [trial.batch_size for trial in trials if not any(r.startswith(REFUSED) for r in trial.reasons)]
        return f"The sampler balances no classes; looking at its batches {_found(min(worked, default=None), trials)}"
    conditions, expected = rule(run, each, classes)
    return f"With K = {each} images a class, the rule ({listing(conditions)}) {_found(expected, trials)}"


def rule(run: Run, each: int, classes: int) -> tuple[list[str], int | None]:
    """The conditions on a batch of B images, K = `each` of a class, and the smallest B; None where there is none."""
    loss = run.study.loss
    least = (2 if loss.needs_negatives else 1) * each
    conditions = ["K ≥ 2 for a positive pair"] if loss.needs_positives else []
    conditions.append("B ≥ 2K for a negative pair" if loss.needs_negatives else "B ≥ K")
    conditions += ["B a multiple of K", f"B ≤ K·C = {each * classes:,}"]
    possible = (each >= 2 or not loss.needs_positives) and least <= each * classes
    return conditions, least if possible else None


def _found(expected: int | None, trials: Sequence[Trial]) -> str:
    found = smallest_that_runs(trials)
    if expected is None:
        return f"allows none{': as found' if found is None else f', but {found} runs'}."
    if expected == found:
        return f"gives {expected}: as found."
    if expected not in {trial.batch_size for trial in trials}:
        return f"gives {expected}, which was not tried."
    return f"gives {expected}, but {'none tried runs' if found is None else f'the smallest that runs is {found}'}."


def _learns_sentences(probe: StudyProbe, trials: Sequence[Trial]) -> Iterator[str]:
    steps = counted(probe.table.steps, "step")
    size = smallest_that_learns(trials)
    if size is None:
        yield f"None of the sizes tried learns in {steps}."
        return
    by_size = {trial.batch_size: trial for trial in trials}
    yield (
        f"The smallest that learns in {steps} is {size}: {probe.table.metric} on unseen classes"
        f" {gain_words(by_size[size].figures)}.{_below_words(size, trials)}"
    )
    own = by_size.get(probe.run.study.training.batch_size)
    if own is not None and own.runs and own.batch_size != size:
        yield f"The study's own batch size, {own.batch_size}: {gain_words(own.figures)}."


def _below_words(size: int, trials: Sequence[Trial]) -> str:
    below = [trial for trial in trials if trial.batch_size < size and trial.runs]
    if not below:
        return " It is the smallest that runs, too."
    return f" {below[-1].batch_size}, the next smaller, does not: {gain_words(below[-1].figures)}."


def _regimes_sentence(trials: Sequence[Trial]) -> str:
    sizes: dict[str, list[str]] = {}
    for trial in trials:
        sizes.setdefault(trial.regime, []).append(str(trial.batch_size))
    return f"Regimes of the sizes tried: {'; '.join(f'{regime} {listing(of)}' for regime, of in sizes.items())}."
