"""A margin on every scale that margins are given on, for embeddings of length 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dmlcore.api.blocks import Table
from dmlcore.api.values import MarginAxis, MarginKind

AXES: dict[MarginAxis, str] = {
    "cosine": "cosine s",
    "euclidean": "distance d",
    "squared_euclidean": "squared distance d²",
    "degrees": "angle in degrees",
}

_TO_COSINE: dict[MarginAxis, Callable[[float], float]] = {
    "cosine": lambda value: value,
    "euclidean": lambda value: 1 - value**2 / 2,
    "squared_euclidean": lambda value: 1 - value / 2,
    "degrees": lambda value: math.cos(math.radians(value)),
}

_FROM_COSINE: dict[MarginAxis, Callable[[float], float]] = {
    "cosine": lambda cosine: cosine,
    "euclidean": lambda cosine: math.sqrt(2 - 2 * cosine),
    "squared_euclidean": lambda cosine: 2 - 2 * cosine,
    "degrees": lambda cosine: math.degrees(math.acos(cosine)),
}

_LINEAR = {("cosine", "squared_euclidean"): 2.0, ("squared_euclidean", "cosine"): 0.5}
"""The scales that are linear in each other, with the factor between them."""


def margin_table(values: Sequence[float], axis: MarginAxis, kind: MarginKind) -> Table:
    """Convert every margin: d² = 2 − 2s and s = cos θ on the unit sphere.

    A threshold is a point on its scale and has one value on each of the others. A difference of two similarities or
    distances has one only on scales that are linear in each other, as s and d² are (a factor of 2).
    """
    convert = _threshold if kind == "threshold" else _difference
    rows = tuple(
        (f"{value:g}", *(f"{value:g}" if axis == other else convert(value, axis, other) for other in AXES))
        for value in values
    )
    notes = [f"The margin is given as {AXES[axis]}. Embeddings have length 1, so d² = 2 − 2s and s = cos θ."]
    if kind == "difference":
        notes.append(
            "The margin is how much farther a negative must be than a positive. Differences of cosines are half of"
            " those of squared distances. Between other scales, the difference depends on the pairs: no fixed value."
        )
    return Table(("margin", *AXES.values()), rows, f"The margin as a {kind} on each scale", notes)


def _threshold(value: float, axis: MarginAxis, other: MarginAxis) -> str:
    cosine = _TO_COSINE[axis](value)
    if not -1 <= cosine <= 1:
        return "out of range"
    return f"{_FROM_COSINE[other](cosine):.{1 if other == 'degrees' else 4}f}"


def _difference(value: float, axis: MarginAxis, other: MarginAxis) -> str:
    return f"{value * _LINEAR[axis, other]:g}" if (axis, other) in _LINEAR else "no fixed value"
