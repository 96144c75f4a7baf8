"""The batch size: the smallest that runs and the smallest that learns, beside the rule; and its effect where varied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dmlcore.report.blocks import Block, Formula, Grid, Text
from dmlcore.report.explanation.effect import Effect, against_highest, edge_text, effect_text, steps_grid
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import course
from dmlcore.report.recorded import TRAINING, ZERO_LOSS, number
from dmlcore.report.table import short_name
from dmlcore.trials import Probe, Regime, Trial
from dmlcore.wording import counted, listing

REGIMES: dict[Regime, str] = {
    "undefined": "no step can be made, or the loss is not finite",
    "degenerate": "steps are made and teach nothing",
    "weak": "it learns less than half of what the best size learns in as many steps, or nothing beyond chance",
    "fine": "it learns",
}

_FIGURES = (
    ("positives_per_anchor", "positives an anchor"),
    ("negatives_per_anchor", "negatives an anchor"),
    ("zero_loss_steps", "zero-loss steps"),
    ("gradient_norm", "gradient norm"),
    ("mean_cosine_last", "mean cosine at the end"),
)


def explain_probe(probe: Probe) -> Iterator[Block]:
    """What was found at each size and why, and how that agrees with the rule."""
    if not probe.trials:
        yield Text("The probe holds 0 trials: nothing can be said of the batch size.")
        return
    for sentence in probe.conclusions:
        yield Text(sentence)
    yield from _rule(probe)
    yield _trials_grid(probe)
    for regime in REGIMES:
        trials = [trial for trial in probe.trials if trial.regime == regime]
        if trials:
            sizes = listing(str(trial.batch_size) for trial in trials)
            yield Text(f"{regime.capitalize()} ({REGIMES[regime]}): {sizes}.")
            yield from (Text(f"Batch size {trial.batch_size}: {' '.join(trial.reasons)}") for trial in trials)
    if probe.largest_that_fits is not None:
        yield Text(f"The largest batch that the device's memory holds is {probe.largest_that_fits}.")


def explain_batch_size(effect: Effect) -> Iterator[Block]:
    """The effect of the batch size where the grid varies it."""
    yield effect_text(effect)
    yield from against_highest(effect)
    yield edge_text(effect)
    yield steps_grid(effect)
    for name in (
        ZERO_LOSS,
        f"{TRAINING}active_triplets",
        f"{TRAINING}active_negative_pairs",
        f"{TRAINING}gradient_norm",
    ):
        if (text := course(effect.axis, name)) is not None:
            yield Text(text)
    yield from moved_blocks(effect)


def _rule(probe: Probe) -> Iterator[Block]:
    """K ≥ 2, B ≥ 2K, B a multiple of K, B ≤ K·C: what class-balanced batches of pairs or triplets need."""
    per_class = _images_per_class(probe.settings)
    if per_class is None:
        yield Text(
            f"The sampler does not say how many images of a class it puts into a batch, so the rule for class-balanced"
            f" batches can't be set beside what was found: {_found(probe)}."
        )
        return
    yield Text(
        f"For a class-balanced batch of B images, K of each class, of C training classes, a loss of pairs or triplets"
        f" needs a positive and a negative for every anchor. Here K = {per_class}, so the rule gives at least"
        f" {max(2 * per_class, 4)}:"
    )
    yield Formula(r"K \geq 2, \quad B \geq 2K, \quad B = nK, \quad B \leq K \cdot C")
    yield Text(_against_rule(probe, per_class))


def _against_rule(probe: Probe, per_class: int) -> str:
    smallest = 2 * per_class
    found = probe.smallest_that_learns
    tried_below = [trial for trial in probe.trials if trial.batch_size < smallest]
    if found is None:
        return (
            f"No size that was tried learns, of {_sizes(probe)}: the rule's {smallest} is not confirmed by any figure."
        )
    if per_class < 2:
        return (
            f"With K = {per_class} no batch holds a positive pair by design, so the rule allows no size; the smallest"
            f" that learns is {found}, so this loss does not need what the rule asks for."
        )
    if found < smallest:
        return (
            f"The smallest that learns is {found}, below the rule's {smallest}: this loss learns from batches in which"
            " pairs or triplets of images could not be had, so the rule is not what limits it."
        )
    if found == smallest:
        below = listing(f"{trial.batch_size} ({trial.regime})" for trial in tried_below)
        told = f"; below it was tried {below}" if below else "; no smaller one was tried"
        return f"The smallest that learns is {found}, exactly the rule's{told}."
    between = [trial for trial in probe.trials if smallest <= trial.batch_size < found]
    if between:
        shown = listing(f"{trial.batch_size} ({trial.regime})" for trial in between)
        return (
            f"The smallest that learns is {found}, above the rule's {smallest}: the rule says what a batch must hold,"
            f" and that did not suffice at {shown}."
        )
    return f"The smallest that learns of those tried is {found}; the rule's {smallest} was not tried."


def _found(probe: Probe) -> str:
    runs = "none runs" if probe.smallest_that_runs is None else f"the smallest that runs is {probe.smallest_that_runs}"
    learns = "none learns" if probe.smallest_that_learns is None else f"that learns {probe.smallest_that_learns}"
    return f"{runs}, {learns}"


def _images_per_class(settings: Mapping[str, Any]) -> int | None:
    value = settings.get("sampler", {}).get("samples_per_class")
    return value if isinstance(value, int) else None


def _trials_grid(probe: Probe) -> Grid:
    shown = [(key, words) for key, words in _FIGURES if any(key in trial.figures for trial in probe.trials)]
    rows = tuple(
        (
            str(trial.batch_size),
            trial.regime,
            *(_number(trial, key) for key, _ in shown),
            _gain(trial),
            "yes" if trial.learns else "no",
        )
        for trial in probe.trials
    )
    header = ("batch size", "regime", *(words for _, words in shown), f"gain in {short_name(probe.metric)}", "learns")
    notes = (
        f"Each size was trained for {counted(probe.steps, 'step')}; the gain is that of {short_name(probe.metric)} on"
        " unseen classes, with its interval over classes, and a size learns where that lies above 0.",
    )
    return Grid(header, rows, "What each batch size did", notes)


def _number(trial: Trial, key: str) -> str:
    return number(trial.figures[key]) if key in trial.figures else "–"


def _gain(trial: Trial) -> str:
    if "gain" not in trial.figures:
        return "–"
    told = f"{trial.figures['gain']:+.4f}".replace("-", "−")
    if "gain_low" not in trial.figures or "gain_high" not in trial.figures:
        return told
    return f"{told}\n[{trial.figures['gain_low']:.3f}, {trial.figures['gain_high']:.3f}]".replace("-", "−")


def _sizes(probe: Probe) -> str:
    return listing(str(trial.batch_size) for trial in probe.trials)
