"""The outcome of a probe: one short trial per batch size, and the sizes at which training starts to work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from dmlcore.api import stored
from dmlcore.results.store import read_text

SCHEMA = 2
"""The version of the probe format that this dmlcore writes; it reads all versions up to this one."""

SEALED = 2
"""The first format with a checksum."""

Regime = Literal["undefined", "degenerate", "weak", "fine"]
"""How training with a batch size behaves.

undefined: no step is possible, or the loss is not finite. degenerate: the steps have no effect (zero loss, no gradient,
collapse). weak: the gain is less than half of the best one in as many steps, or not significant. fine: all else.
"""


@frozen
class Trial:
    """The reasoning and the trial of one batch size."""

    batch_size: int
    regime: Regime
    reasons: tuple[str, ...]
    """Sentences with figures: first what follows from the settings, then what was observed."""
    figures: Mapping[str, float] = field(factory=dict)
    """The evidence by name, such as positives_per_anchor, steps, loss_first, loss_last, gradient_norm, gain."""
    learns: bool = False
    """Whether the metric on unseen classes rose significantly, by a bootstrap over classes."""

    @property
    def runs(self) -> bool:
        """Whether training steps are possible."""
        return self.regime != "undefined"


@frozen
class Probe:
    """All trials of a study's probe, by increasing batch size."""

    study: str
    path: str
    """The varied option: training.batch_size."""
    metric: str
    """The metric, as evaluator/metric, that decides `learns`."""
    steps: int
    """Steps of each trial."""
    trials: tuple[Trial, ...]
    smallest_that_runs: int | None
    smallest_that_learns: int | None
    largest_that_fits: int | None
    """The largest batch that fits in the device's memory; None if the device can't report it."""
    conclusions: tuple[str, ...]
    """Sentences that summarize the probe."""
    settings: Mapping[str, Any]
    """The resolved study of the trials."""
    environment: Mapping[str, Any]
    fingerprint: str
    settings_fingerprint: str = ""
    """The part of the fingerprint without `data`. New in format 2, as is the field below."""
    data: Mapping[str, str | int] = field(factory=dict)
    """As in Result.data."""
    schema: int = SCHEMA


def to_json(probe: Probe) -> str:
    """Return the probe as JSON, with a checksum."""
    return stored.to_json(probe)


def from_json(text: str, place: str) -> Probe:
    """Parse a stored probe.

    Raises DamagedResultsError, with the place, if it is none, and ResultsError if its format is newer.
    """
    return stored.from_json(text, place, "probe", Probe, newest=SCHEMA, sealed=SEALED)


def read_probe(path: Path, fingerprint: str) -> Probe | None:
    """Return the stored probe, or None if there is none with this fingerprint. Raises ResultsError if it is damaged."""
    probe = from_json(read_text(path, "probe"), str(path)) if path.exists() else None
    return probe if probe and probe.fingerprint == fingerprint else None
