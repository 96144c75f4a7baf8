"""What a probe found: one short trial a batch size, and the sizes where behaviour changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import field, frozen

from dmlcore.errors import DmlcoreError

SCHEMA = 1
"""The version of the format of probes that this dmlcore writes; it reads all up to it."""

Regime = Literal["undefined", "degenerate", "weak", "fine"]
"""What training with a batch size is.

undefined: no step can be made, or the loss is not finite. degenerate: steps are made and teach nothing (zero loss, no
gradient, collapse). weak: it learns, but less than half of what the best size tried learns in as many steps, or not
distinguishably from nothing. fine: all else.
"""


@frozen
class Trial:
    """One batch size, reasoned about and tried."""

    batch_size: int
    regime: Regime
    reasons: tuple[str, ...]
    """Sentences, each with its figures: first what follows from the settings, then what was seen."""
    figures: Mapping[str, float] = field(factory=dict)
    """The evidence, by name, such as positives_per_anchor, steps, loss_first, loss_last, gradient_norm, gain."""
    learns: bool = False
    """Whether the metric on unseen classes rose, beyond the interval of its bootstrap over classes."""

    @property
    def runs(self) -> bool:
        """Whether steps can be made with it."""
        return self.regime != "undefined"


@frozen
class Probe:
    """All trials of a study's probe, by rising batch size."""

    study: str
    path: str
    """What was varied: training.batch_size."""
    metric: str
    """The metric, as evaluator/metric, by which `learns` is judged."""
    steps: int
    """Steps of each trial."""
    trials: tuple[Trial, ...]
    smallest_that_runs: int | None
    smallest_that_learns: int | None
    largest_that_fits: int | None
    """The largest batch that the device's memory holds; None where the device can't say."""
    conclusions: tuple[str, ...]
    """Sentences that sum it up."""
    settings: Mapping[str, Any]
    """The resolved study of the trials."""
    environment: Mapping[str, Any]
    fingerprint: str
    schema: int = SCHEMA


def to_json(probe: Probe) -> str:
    """The probe as JSON."""
    return json.dumps(attrs.asdict(probe), indent=1, ensure_ascii=False)


def from_json(text: str, place: str) -> Probe:
    """A stored probe. Raises DmlcoreError, naming the place, where it can't be read by this version."""
    try:
        values = json.loads(text)
        if values["schema"] > SCHEMA:
            raise DmlcoreError(
                f"{place}: the probe has format {values['schema']}, and this dmlcore reads up to {SCHEMA}."
                " Update dmlcore."
            )
        trials = tuple(Trial(**{**trial, "reasons": tuple(trial["reasons"])}) for trial in values["trials"])
        return Probe(**{**values, "trials": trials, "conclusions": tuple(values["conclusions"])})
    except (ValueError, KeyError, TypeError) as error:
        raise DmlcoreError(f"{place}: not a probe of dmlcore ({error}). Move it away to probe again.") from None
