"""The batch size: the smallest that runs, the smallest that learns, and its effect when the grid varies it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import TRAINING, ZERO_LOSS, cell, label, typeset
from dmlcore.report.explanation.effect import Effect
from dmlcore.report.explanation.mechanism import Mechanism
from dmlcore.report.explanation.moved import moved_blocks
from dmlcore.report.explanation.phrases import courses
from dmlcore.results.trials import Probe, Regime
from dmlcore.text import counted, listing

REGIMES: dict[Regime, str] = {
    "undefined": "no training step is possible, or the loss is not finite",
    "degenerate": "training steps run but teach nothing",
    "weak": "less than half the gain of the best size in as many steps, or no gain beyond chance",
    "fine": "it learns",
}

COLUMNS = ("positives_per_anchor", "negatives_per_anchor", "zero_loss_steps", "gradient_norm", "mean_cosine_last")

RECORDED = (
    ZERO_LOSS,
    *(f"{TRAINING}{name}" for name in ("active_triplets", "active_negative_pairs", "gradient_norm")),
)


def explain_probe(probe: Probe) -> Iterator[Block]:
    """Explain what the probe concluded, and what happened at each size and why."""
    if not probe.trials:
        yield Text("The probe has 0 trials, so it says nothing about the batch size.")
        return
    yield from (Text(sentence) for sentence in probe.conclusions)
    yield _trials_grid(probe)
    for regime, meaning in REGIMES.items():
        trials = [trial for trial in probe.trials if trial.regime == regime]
        if trials:
            yield Text(f"{regime.capitalize()} ({meaning}): {listing(str(trial.batch_size) for trial in trials)}.")
            yield from (Text(f"Batch size {trial.batch_size}: {' '.join(trial.reasons)}") for trial in trials)


def batch_composition(_material: StudyMaterial, effect: Effect) -> Mechanism:
    """Return how much of each batch trains the network."""
    return Mechanism(tuple(courses(effect.axis, *RECORDED)), after=tuple(moved_blocks(effect)))


def _trials_grid(probe: Probe) -> Table:
    shown = [name for name in COLUMNS if any(name in trial.figures for trial in probe.trials)]
    rows = tuple(
        (
            str(trial.batch_size),
            trial.regime,
            *(cell(name, trial.figures.get(name)) for name in shown),
            cell("gain", trial.figures.get("gain")) + _interval(trial.figures),
            "yes" if trial.learns else "no",
        )
        for trial in probe.trials
    )
    gain = f"{label('gain')} in {label(probe.metric)}"
    note = (
        f"Each size was trained for {counted(probe.steps, 'step')}. The {gain} is measured on unseen classes, with its"
        " interval over classes; a size learns if the interval is above 0."
    )
    return Table(
        ("batch size", "regime", *map(label, shown), gain, "learns"), rows, "Results of each batch size", (note,)
    )


def _interval(figures: Mapping[str, float]) -> str:
    if "gain_low" not in figures or "gain_high" not in figures:
        return ""
    return typeset(f"\n[{figures['gain_low']:.3f}, {figures['gain_high']:.3f}]")
