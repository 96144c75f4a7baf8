"""Which values a study took from the results of others, and what they were chosen from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen


@frozen
class Rival:
    """A point of the grid that a value was chosen from."""

    point: Mapping[str, Any]
    """Its values, by dotted path."""
    mean: float | None
    """Of the metric over its finished runs; None if every run failed."""
    sd: float | None
    """Sample standard deviation over these runs; None for fewer than two."""
    runs: int
    """Number of finished runs."""


@frozen
class Choice:
    """A value that `[best]` took."""

    path: str
    """Dotted path of the option."""
    value: Any
    study: str
    """Name of the study with the path in its grid."""
    metric: str
    """The metric, as evaluator/metric, of which the highest mean is best."""
    split: str
    """The classes that it was measured on: test or validation."""
    classes: int | None
    """The number of these classes, if known."""
    rivals: tuple[Rival, ...]
    """Every point of that study's grid, the chosen one included, in the order of the grid."""
