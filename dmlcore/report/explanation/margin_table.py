"""A margin on every scale that margins are given on, for embeddings of length 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dmlcore.api.blocks import Table
from dmlcore.api.values import MarginAxis, MarginKind

SCALES: dict[MarginAxis, tuple[str, Callable[[float], float], Callable[[float], float]]] = {
    "cosine": ("cosine s", lambda s: s, lambda s: s),
    "euclidean": ("distance d", lambda d: 1 - d**2 / 2, lambda s: math.sqrt(2 - 2 * s)),
    "squared_euclidean": ("squared distance d²", lambda d2: 1 - d2 / 2, lambda s: 2 - 2 * s),
    "degrees": ("angle in degrees", lambda t: math.cos(math.radians(t)), lambda s: math.degrees(math.acos(s))),
}
"""Scale → its name, its value as a cosine, and a cosine as its value."""

_LINEAR: dict[tuple[MarginAxis, MarginAxis], float] = {
    ("cosine", "squared_euclidean"): 2.0,
    ("squared_euclidean", "cosine"): 0.5,
}
"""The scales that are linear in each other, with the factor between them."""


def other_scale(axis: MarginAxis, kind: MarginKind) -> tuple[MarginAxis, Callable[[float], float]] | None:
    """Return another scale that a margin has a fixed value on, and the value there of a margin on `axis`.

    A threshold on the cosine is one on the Euclidean distance, and every other threshold one on the cosine. None for a
    difference on a scale that is linear in no other.
    """
    if kind == "threshold":
        other: MarginAxis = "euclidean" if axis == "cosine" else "cosine"
        return other, lambda value: SCALES[other][2](SCALES[axis][1](value))
    factors = {second: factor for (first, second), factor in _LINEAR.items() if first == axis}
    return next(((second, factor.__mul__) for second, factor in factors.items()), None)


def margin_table(values: Sequence[float], axis: MarginAxis, kind: MarginKind) -> Table:
    """Convert every margin: d² = 2 − 2s and s = cos θ on the unit sphere.

    A threshold is a point on its scale and has one value on each of the others. A difference of two similarities or
    distances has one only on scales that are linear in each other, as s and d² are (a factor of 2).
    """
    convert = _threshold if kind == "threshold" else _difference
    rows = tuple(
        (f"{value:g}", *(f"{value:g}" if axis == other else convert(value, axis, other) for other in SCALES))
        for value in values
    )
    notes = [f"The margin is given as {SCALES[axis][0]}. Embeddings have length 1, so d² = 2 − 2s and s = cos θ."]
    if kind == "difference":
        notes.append(
            "The margin is how much farther a negative must be than a positive. Differences of cosines are half of"
            " those of squared distances. Between other scales, the difference depends on the pairs: no fixed value."
        )
    return Table(
        ("margin", *(name for name, _, _ in SCALES.values())), rows, f"The margin as a {kind} on each scale", notes
    )


def _threshold(value: float, axis: MarginAxis, other: MarginAxis) -> str:
    cosine = SCALES[axis][1](value)
    if not -1 <= cosine <= 1:
        return "out of range"
    return f"{SCALES[other][2](cosine):.{1 if other == 'degrees' else 4}f}"


def _difference(value: float, axis: MarginAxis, other: MarginAxis) -> str:
    return f"{value * _LINEAR[axis, other]:g}" if (axis, other) in _LINEAR else "no fixed value"
