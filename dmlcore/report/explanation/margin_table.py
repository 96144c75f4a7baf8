"""What a margin is on every axis that margins are given on, for embeddings of length 1."""

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

_NO_VALUE = "no fixed value"


def margin_table(values: Sequence[float], axis: MarginAxis, kind: MarginKind) -> Table:
    """Every margin translated: d² = 2 − 2s and s = cos θ on the unit sphere.

    A threshold is a point on its axis and has one place on each of the others. A difference of two similarities or
    distances has one only where axes are linear in each other, as s and d² are: there it doubles. Elsewhere the table
    says that there is none.
    """
    translate = _threshold if kind == "threshold" else _difference
    rows = tuple(tuple(translate(value, axis, other) for other in AXES) for value in values)
    named = tuple((f"{value:g}", *row) for value, row in zip(values, rows, strict=True))
    notes = (
        f"The margin is given as {AXES[axis]}; embeddings have length 1, so that d² = 2 − 2s and s = cos θ.",
        *_remarks(axis, kind),
    )
    return Table(("margin", *AXES.values()), named, f"The margin as a {kind} on each axis", notes)


def _threshold(value: float, axis: MarginAxis, other: MarginAxis) -> str:
    cosine = _TO_COSINE[axis](value)
    if axis == other:
        return f"{value:g}"
    if not -1 <= cosine <= 1:
        return "out of reach"
    return f"{_FROM_COSINE[other](min(1.0, max(-1.0, cosine))):.{1 if other == 'degrees' else 4}f}"


def _difference(value: float, axis: MarginAxis, other: MarginAxis) -> str:
    scale: dict[tuple[MarginAxis, MarginAxis], float] = {
        ("cosine", "squared_euclidean"): 2.0,
        ("squared_euclidean", "cosine"): 0.5,
    }
    if axis == other:
        return f"{value:g}"
    return f"{value * scale[axis, other]:g}" if (axis, other) in scale else _NO_VALUE


def _remarks(axis: MarginAxis, kind: MarginKind) -> tuple[str, ...]:
    if kind == "threshold":
        return ()
    if axis in ("cosine", "squared_euclidean"):
        return (
            "It is how much farther a negative must be than a positive. A difference of cosines is half of that of"
            " squared distances; as a distance or an angle it depends on where the pairs lie: no fixed value.",
        )
    return (
        f"It is how much farther a negative must be than a positive, as {AXES[axis]}: on the other axes that depends on"
        " where the pairs lie, so it has no fixed value there.",
    )
