"""Axes along the values of a grid: numbers, evenly or by doubling, or names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from dmlcore.text import point_label


def grid_axis(axes: Axes, path: str, labels: Mapping[float, str], numeric: bool) -> None:
    """Makes the horizontal axis that of a path: its scale, ticks at its values where their labels have room, its name.

    labels: place → what to write there.
    """
    places = sorted(labels)
    doubling = numeric and by_doubling(places)
    if doubling:
        axes.set_xscale("log", base=2)
    shown = roomy(places, doubling) if numeric else places
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    texts = [labels[place] for place in shown]
    turned = sum(map(len, texts)) > 40
    axes.set_xticklabels(
        [_shortened(text) for text in texts], rotation=20 if turned else 0, ha="right" if turned else "center"
    )
    if not turned:
        axes.set_xlabel(path)
    if not numeric:
        axes.set_xlim(places[0] - 0.4, places[-1] + 0.4)


def by_doubling(places: Sequence[float]) -> bool:
    """Whether equal steps should be equal factors: whole numbers that span four times, others that span fifty."""
    if min(places) <= 0:
        return False
    whole = all(place == int(place) for place in places)
    return max(places) / min(places) >= (4 if whole else 50)


def roomy(places: Sequence[float], doubling: bool) -> list[float]:
    """Of rising places, the first and those after it whose labels don't run into the one before."""
    along = [log2(place) if doubling else place for place in places]
    shown: list[int] = []
    for index, place in enumerate(along):
        if not shown or place - along[shown[-1]] >= 0.09 * (along[-1] - along[0]):
            shown.append(index)
    return [places[index] for index in shown]


def short_point(point: Mapping[str, object]) -> str:
    """A grid point in as few words as tell it from others: "dim=64 margin=0.1"."""
    return point_label({path.rpartition(".")[2]: value for path, value in point.items()}) or "trained"


def _shortened(text: str) -> str:
    return text if len(text) <= 18 else text[:17] + "…"
