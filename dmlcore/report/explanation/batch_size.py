"""The batch size: the smallest that runs, the smallest that learns, and its effect where it is varied."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.recorded import TRAINING, ZERO_LOSS, number
from dmlcore.report.content.table import short_name
from dmlcore.report.explanation.effect import Effect, against_highest, edge_text, effect_text, steps_grid
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import course
from dmlcore.results.trials import Probe, Regime, Trial
from dmlcore.text import counted, listing

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
    """What the probe concluded, and what was found at each size and why."""
    if not probe.trials:
        yield Text("The probe holds 0 trials: nothing can be said of the batch size.")
        return
    for sentence in probe.conclusions:
        yield Text(sentence)
    yield _trials_grid(probe)
    for regime in REGIMES:
        trials = [trial for trial in probe.trials if trial.regime == regime]
        if trials:
            sizes = listing(str(trial.batch_size) for trial in trials)
            yield Text(f"{regime.capitalize()} ({REGIMES[regime]}): {sizes}.")
            yield from (Text(f"Batch size {trial.batch_size}: {' '.join(trial.reasons)}") for trial in trials)


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


def _trials_grid(probe: Probe) -> Table:
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
    return Table(header, rows, "What each batch size did", notes)


def _number(trial: Trial, key: str) -> str:
    return number(trial.figures[key]) if key in trial.figures else "–"


def _gain(trial: Trial) -> str:
    if "gain" not in trial.figures:
        return "–"
    told = f"{trial.figures['gain']:+.4f}".replace("-", "−")
    if "gain_low" not in trial.figures or "gain_high" not in trial.figures:
        return told
    return f"{told}\n[{trial.figures['gain_low']:.3f}, {trial.figures['gain_high']:.3f}]".replace("-", "−")
