"""Axes whose values are those of a grid: numbers, evenly or by doubling, or names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from dmlcore.wording import point_label


@frozen
class GridAxis:
    """Where each value of a varied path stands on an axis."""

    path: str
    values: tuple[object, ...]

    @classmethod
    def of(cls, path: str, values: Iterable[object]) -> GridAxis:
        """The axis of these values; numbers in rising order, anything else in the order given."""
        distinct: list[object] = []
        for value in values:
            if value not in distinct:
                distinct.append(value)
        axis = cls(path, tuple(distinct))
        return cls(path, tuple(sorted(axis._numbers))) if axis.numeric else axis

    @property
    def _numbers(self) -> list[float]:
        return [v for v in self.values if isinstance(v, (int, float)) and not isinstance(v, bool)]

    @property
    def numeric(self) -> bool:
        """Whether distances along the axis mean something."""
        return len(self._numbers) == len(self.values)

    @property
    def doubling(self) -> bool:
        """Whether equal steps are equal factors: sizes that span four times and more, rates that span fifty."""
        if not self.numeric or min(self._numbers) <= 0:
            return False
        whole = all(isinstance(value, int) for value in self.values)
        return max(self._numbers) / min(self._numbers) >= (4 if whole else 50)

    def place(self, value: object) -> float:
        """Where a value stands, in the axis's own numbers."""
        return float(value) if self.numeric else float(self.values.index(value))  # type: ignore[arg-type]

    def label(self, value: object) -> str:
        return value_label(self.path, value).partition("=")[2]

    def apply(self, axes: Axes) -> None:
        """Scale, ticks at the values, and the name."""
        axes.set_xlabel(self.path)
        if self.doubling:
            axes.set_xscale("log", base=2)
        shown = self._shown()
        axes.xaxis.set_major_locator(FixedLocator([self.place(value) for value in shown]))
        axes.xaxis.set_minor_locator(NullLocator())
        labels = [self.label(value) for value in shown]
        turned = sum(map(len, labels)) > 42
        axes.set_xticklabels(labels, rotation=30 if turned else 0, ha="right" if turned else "center")
        if not self.numeric:
            axes.set_xlim(-0.4, len(self.values) - 0.6)

    def _shown(self) -> Sequence[object]:
        """The values whose labels don't run into each other."""
        if not self.numeric:
            return self.values
        places = [self._along(value) for value in self.values]
        shown: list[object] = []
        for value, place in zip(self.values, places, strict=True):
            if not shown or place - self._along(shown[-1]) >= 0.08 * (places[-1] - places[0]):
                shown.append(value)
        return shown

    def _along(self, value: object) -> float:
        from math import log2

        return log2(self.place(value)) if self.doubling else self.place(value)


def value_label(path: str, value: object) -> str:
    """ "dim=64" of "embedding.dim"."""
    return point_label({path.rpartition(".")[2]: value})


def short_point(point: dict[str, object] | object) -> str:
    """A grid point in as few words as tell it from others: "dim=64 margin=0.1"."""
    assert isinstance(point, dict) or hasattr(point, "items")
    return " ".join(value_label(path, value) for path, value in point.items()) or "trained"  # type: ignore[union-attr]
