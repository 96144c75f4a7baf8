"""The outcome of a probe: the rule for the batch size, and one short trial per size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, field, frozen

from dmlcore.api import stored
from dmlcore.results.store import read_text

SCHEMA = 3
"""The version of the probe format that this dmlcore writes; it reads all versions up to this one."""

SEALED = 2
"""The first format with a checksum."""

REFUSED, ANYWAY = "Refused before training: ", "Tried anyway: "
"""Prefixes of reasons in the formats before 3: of a refusal, and of what its trial showed."""

POINT = 0.99
"""Mean cosine of unseen images above which embeddings count as one point, if training moved them there."""

COLLAPSED = 0.9999
"""Mean cosine within batches for the same, in the formats before 3."""

WEAK = 0.5
"""Share of the best gain below which a size that learns is weak."""

Regime = Literal["impossible", "failed", "no signal", "collapsed", "harmful", "inconclusive", "weak", "learns"]
"""What happened when a batch size was tried.

impossible: the sampler forms no batch. failed: a step raised an error, or the loss or the embeddings are not finite.
no signal: the loss or its gradient is exactly zero in every step. collapsed: the embeddings moved to nearly one point.
harmful: the metric fell beyond chance. inconclusive: the interval of its gain contains 0. weak: it rose beyond chance,
by less than half of the best gain in as many steps. learns: it rose by more.
"""


@frozen
class Trial:
    """The reasoning and the trial of one batch size."""

    batch_size: int
    regime: Regime
    reasons: tuple[str, ...]
    """Sentences with figures: first about the batches of an epoch, then what was observed."""
    figures: Mapping[str, float] = field(factory=dict)
    """The evidence by name, such as positives_per_anchor, steps, loss_first, loss_last, gradient_norm, gain."""
    refused: str = ""
    """Why training with this size is refused; empty if the rule allows it. A refused size is tried all the same."""

    @property
    def runs(self) -> bool:
        """Whether training starts and its steps succeed."""
        return not self.refused and self.stepped

    @property
    def stepped(self) -> bool:
        """Whether all steps of the trial succeeded."""
        return self.regime not in ("impossible", "failed")

    @property
    def learns(self) -> bool:
        """Whether the metric on unseen classes rose significantly, by a bootstrap over classes, in a size that runs."""
        return not self.refused and self.regime in ("weak", "learns")


@frozen
class Rule:
    """Which batch sizes the sampler and the loss allow, as their batches show before any training."""

    sampler: str
    loss: str
    needs_positives: bool
    needs_negatives: bool
    samples_per_class: int | None
    """K; None if the sampler does not balance classes."""
    classes: int
    """C, of the training images."""
    smallest: int | None
    """The smallest size of which every batch of the first epoch has what the loss needs; None if none was found."""
    below: str
    """Why the next smaller size is refused, or the largest examined if none works; empty below a size of 1."""
    multiples: bool = False
    """Whether the size must be a multiple of K."""
    largest: int | None = None
    """K·C, if the sampler refuses larger batches."""
    trains_batchnorm: bool = False
    """Whether BatchNorm is in training mode, which fails with one value per channel."""


@frozen
class Probe:
    """All trials of a study's probe, by increasing batch size."""

    study: str
    path: str
    """The varied option: training.batch_size."""
    metric: str
    """The metric, as evaluator/metric, by which a size learns."""
    steps: int
    """Steps of each trial."""
    trials: tuple[Trial, ...]
    largest_that_fits: int | None
    """The largest batch that fits in the device's memory; None if the device can't report it."""
    settings: Mapping[str, Any]
    """The resolved study of the trials."""
    environment: Mapping[str, Any]
    fingerprint: str
    settings_fingerprint: str = ""
    """The part of the fingerprint without `data`. New in format 2, as is the field below."""
    data: Mapping[str, str | int] = field(factory=dict)
    """As in Result.data."""
    rule: Rule | None = None
    """New in format 3."""
    schema: int = SCHEMA

    @property
    def smallest_that_runs(self) -> int | None:
        """The smallest size tried that the rule allows and that ran; smaller ones may run if they were not tried."""
        return smallest(trial for trial in self.trials if trial.runs)

    @property
    def smallest_that_learns(self) -> int | None:
        return smallest(trial for trial in self.trials if trial.learns)

    def trial(self, size: int | None) -> Trial | None:
        """Return the trial of a size, if it was tried."""
        return next((trial for trial in self.trials if trial.batch_size == size), None)


def smallest(trials: Iterable[Trial]) -> int | None:
    """Return the smallest size of some trials."""
    return min((trial.batch_size for trial in trials), default=None)


def regime_of(figures: Mapping[str, float]) -> Regime:
    """Return what the figures of one trial show; whether a size is weak depends on the others, see `graded`."""
    if "steps" not in figures:
        return "impossible"
    if "gain" not in figures:
        return "failed"
    if figures["zero_loss_steps"] == 1 or figures.get("gradient_norm") == 0:
        return "no signal"
    if _collapsed(figures):
        return "collapsed"
    if figures.get("gain_low", figures["gain"]) > 0:
        return "learns"
    return "harmful" if figures.get("gain_high", 0.0) < 0 else "inconclusive"


def _collapsed(figures: Mapping[str, float]) -> bool:
    if "unseen_cosine" not in figures:
        return figures.get("mean_cosine_last", 0.0) > COLLAPSED
    spread, before = 1 - figures["unseen_cosine"], 1 - figures["unseen_cosine_before"]
    return spread < min(1 - POINT, before / 2)


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """Return the trial with the largest gain of those that learn."""
    return max((trial for trial in trials if trial.learns), key=lambda trial: trial.figures["gain"], default=None)


def graded(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials by increasing size; those that learn less than half as much as the best one are weak."""
    best = best_of(trials)
    ordered = sorted(trials, key=lambda trial: trial.batch_size)
    if best is None:
        return tuple(ordered)
    least = WEAK * best.figures["gain"]
    return tuple(
        evolve(trial, regime="weak") if trial.regime == "learns" and trial.figures["gain"] < least else trial
        for trial in ordered
    )


def to_json(probe: Probe) -> str:
    """Return the probe as JSON, with a checksum."""
    return stored.to_json(probe)


def from_json(text: str, place: str) -> Probe:
    """Parse a stored probe of any format.

    Raises DamagedResultsError, with the place, if it is none, and ResultsError if its format is newer.
    """
    probe = stored.from_json(text, place, "probe", Probe, newest=SCHEMA, sealed=SEALED, complete=_complete)
    return evolve(probe, trials=graded(probe.trials)) if probe.schema < 3 else probe


_DERIVED = ("smallest_that_runs", "smallest_that_learns", "conclusions")
"""Fields of the formats before 3 that follow from the trials."""


def _complete(values: dict[str, Any]) -> None:
    """Give the trials of a format before 3 their regimes of today, and their refusals a field."""
    if values["schema"] >= 3:
        return
    for name in _DERIVED:
        values.pop(name, None)
    for trial in values["trials"]:
        trial.pop("learns", None)
        refusals = [reason for reason in trial["reasons"] if reason.startswith(REFUSED)]
        trial["reasons"] = [r.removeprefix(ANYWAY) for r in trial["reasons"] if r not in refusals]
        trial["refused"] = "".join(refusals).removeprefix(REFUSED)
        trial["regime"] = regime_of(trial["figures"])


def read_probe(path: Path, fingerprint: str) -> Probe | None:
    """Return the stored probe, or None if there is none with this fingerprint. Raises ResultsError if it is damaged."""
    probe = from_json(read_text(path, "probe"), str(path)) if path.exists() else None
    return probe if probe and probe.fingerprint == fingerprint else None
