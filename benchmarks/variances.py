"""Which variance a test of two rows should use: false claims, and effects found, for the alternatives.

    OMP_NUM_THREADS=1 python benchmarks/variances.py

Rows of a metric are drawn with normal noise over seeds, and its interaction with 40 classes; the highest is compared
with the lowest at p < 0.05, corrected for all pairs. docs/explanations.md says what follows from the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, stdtrit

Floats = npt.NDArray[np.float64]

LEVEL, STUDIES, CLASSES = 0.05, 20_000, 40

INTERACTION = 0.1
"""The variance over classes of a row of one seed, in units of the usual one over seeds."""

ROWS: Mapping[str, Sequence[float]] = {
    "two, equal noise": (1, 1),
    "two, 3:1": (3, 1),
    "two, 30:1": (3, 0.1),
    "three, 30:1 for one": (3, 0.1, 0.1),
    "five, equal noise": (1, 1, 1, 1, 1),
    "five, 3:1 for one": (3, 1, 1, 1, 1),
    "five, 30:1 for one": (3, 0.1, 0.1, 0.1, 0.1),
    "five, 30:1 for two": (3, 0.1, 0.1, 0.1, 3),
}
"""Rows → the standard deviation of each over seeds."""


def rates(noise: Sequence[float], seeds: int, effect: float) -> list[float]:
    """Return the share of studies in which highest and lowest are called different, for each of the alternatives.

    effect: last minus first row, in units of the usual standard deviation over seeds.
    """
    generator = np.random.default_rng(0)
    deviations = np.sqrt(np.square(noise) + INTERACTION)[:, None]
    means = np.linspace(0, effect, len(noise))[:, None]
    drawn = means + deviations * generator.standard_normal((STUDIES, len(noise), seeds))
    each, squares = drawn.mean(2), drawn.var(2) * seeds
    study = np.arange(STUDIES)
    high, low = each.argmax(1), each.argmin(1)
    apart = (each[study, high] - each[study, low]) ** 2
    over_classes = 2 * INTERACTION / seeds * generator.chisquare(CLASSES - 1, STUDIES) / (CLASSES - 1)

    level = LEVEL / (len(noise) * (len(noise) - 1) / 2)
    scale = 1 / seeds / (seeds - 1)
    one, other = squares[study, high] * scale, squares[study, low] * scale
    own, freedom = one + other, (one + other) ** 2 / (one**2 + other**2) * (seeds - 1)
    pooled, all_freedom = squares.mean(1) * scale * 2, np.full(STUDIES, len(noise) * (seeds - 1.0))
    noisier = _noisier(own / scale, squares.sum(1), len(noise), seeds)

    def found(variance: Floats, degrees: Floats) -> float:
        return float((apart > _t(degrees, level) * variance + _t(CLASSES - 1, level) * over_classes).mean())

    total = pooled + over_classes
    satterthwaite = total**2 / (pooled**2 / all_freedom + over_classes**2 / (CLASSES - 1))
    return [
        float((apart > _t(satterthwaite, level) * total).mean()),
        found(pooled, all_freedom),
        found(own, freedom),
        found(np.where(noisier, own, pooled), np.where(noisier, freedom, all_freedom)),
    ]


def _t(freedom: Floats | float, level: float) -> Floats:
    return np.asarray(stdtrit(freedom, level / 2) ** 2)


def _noisier(own: Floats, squares: Floats, rows: int, seeds: int) -> npt.NDArray[np.bool_]:
    """Whether two rows vary significantly more than the others, as dmlcore decides."""
    if rows == 2:
        return np.zeros(len(own), dtype=bool)
    here, there = 2 * (seeds - 1), (rows - 2) * (seeds - 1)
    return np.asarray(fdtrc(here, there, (own / here) / ((squares - own) / there)) < LEVEL)


def main() -> None:
    alternatives = ("one t for the sum", "pooled", "own (Welch)", "pooled, own if noisier")
    print("| rows and their noise | effect | seeds |", " | ".join(alternatives), "|")
    print("|---|---:|---:|" + "---:|" * len(alternatives))
    designs = [(name, 0.0) for name in ROWS] + [(name, 8.0) for name in ROWS if "equal" in name]
    for (name, effect), seeds in product(designs, (2, 3, 5)):
        cells = " | ".join(f"{rate:.1%}" for rate in rates(ROWS[name], seeds, effect))
        print(f"| {name} | {effect:g} | {seeds} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
