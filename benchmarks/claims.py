"""Whether explanations claim more than the tests: simulated studies of a known truth, and what is claimed about them.

    OMP_NUM_THREADS=1 python benchmarks/claims.py [--studies 200] [--processes 1]

The first table counts studies of random results with a claim that is not true, or with a causal sentence of any kind;
the others, studies of a true effect in which it is found. docs/explanations.md has the tables and describes them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from itertools import chain, islice, product
from math import comb
from pathlib import Path
from statistics import fmean
from typing import Any

from attrs import evolve, frozen
from scipy.stats import binomtest

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dmlcore.report.content.power import power, seeds_needed, smallest_found
from dmlcore.report.content.statistics import Sample, Variance, difference_over_classes
from dmlcore.report.explanation.findings import findings_of
from sample_results import MAP
from simulated_studies import GRIDS, IMAGES, Truth, causal_sentences, draw, false_claims

RANDOM: Mapping[str, Mapping[str, Any]] = {
    "equal settings, training helps": {},
    "equal settings, training changes nothing": {"learns": False},
    "shuffled labels": {"learns": False, "shuffled": True},
}
"""Kinds of random results → what is true of them."""

SEEDS, SEED_NOISE = (2, 3, 5), (0.003, 0.03)
"""The noise of seeds is from small to large compared with that of classes."""

MARGINS = {"loss.margin": GRIDS["margin"]["loss.margin"]}
UNEVEN = (3.0, 1.0, 1.0, 1.0, 3.0)
RISING = {"loss.margin": (0.0, 0.2, 0.3, 0.3, 0.3)}

PILOTS = 40
"""Studies from which the noise of a design is taken."""


@frozen
class Design:
    """Studies of a true effect, spread over the values in equal steps."""

    values: int
    seeds: int

    def truth(self, size: float, seeds: int | None = None) -> Truth:
        grid = {"embedding.dim": tuple(2 ** (5 + place) for place in range(self.values))}
        steps = tuple(size * place / (self.values - 1) for place in range(self.values))
        return Truth(grid, seeds or self.seeds, effects={"embedding.dim": steps})

    @property
    def tests(self) -> int:
        """The pairs of values that highest and lowest are selected from."""
        return comb(self.values, 2)


DESIGNS = tuple(Design(values, seeds) for values in (2, 5) for seeds in (3, 8))


def random_truths(kind: str, grid: str) -> Iterator[Truth]:
    """Repeat the numbers of seeds, classes and the noise of seeds in all combinations."""
    while True:
        for seeds, classes, noise in product(SEEDS, IMAGES, SEED_NOISE):
            yield Truth(GRIDS[grid], seeds, classes, seed_noise=noise, **RANDOM[kind])


def other_truths() -> dict[str, Callable[[], Iterator[Truth]]]:
    """What else could be claimed wrongly."""

    def one_seed() -> Iterator[Truth]:
        while True:
            for grid, kind in product(GRIDS, RANDOM):
                yield Truth(GRIDS[grid], 1, **RANDOM[kind])

    def varied(**values: Any) -> Iterator[Truth]:
        while True:
            for seeds, classes in product(SEEDS, IMAGES):
                yield Truth(MARGINS, seeds, classes, **values)

    return {
        "all kinds and grids, one seed": one_seed,
        "equal settings, but unequal noise of seeds (3:1)": partial(varied, noise=UNEVEN),
        "the metric changes, what is recorded does not": partial(varied, effects=RISING),
        "the same with unequal noise of seeds (3:1)": partial(varied, effects=RISING, noise=UNEVEN),
    }


def judged(truth: Truth, chance: Sequence[int]) -> tuple[bool, bool]:
    """Draw a study; return whether it has a false claim, and whether it has a causal sentence.

    The sentences of a study with a true effect are not counted: some are true.
    """
    study = draw(truth, chance)
    return bool(false_claims(study, truth)), not truth.effects and bool(causal_sentences(study, truth))


def found(truth: Truth, chance: Sequence[int]) -> bool:
    """Draw a study; return whether its effect is found, with the right sign."""
    findings = findings_of(draw(truth, chance))
    assert findings is not None
    path = next(iter(truth.effects))
    effect = findings.effects[path]
    higher = truth.effect({path: effect.highest.value}) > truth.effect({path: effect.lowest.value})
    return findings.changes(path) and higher


def typical(design: Design) -> tuple[Sample, Sample]:
    """Return two rows with the mean noise of seeds of the design, and its median noise of classes."""
    pairs = []
    for pilot in range(PILOTS):
        rows = [
            row.samples[MAP] for row in draw(design.truth(0.0), (pilot, design.values, 77)).rows if not row.untrained
        ]
        pairs.append((rows[0], rows[-1]))
    noises = [first.seed_variance for first, _ in pairs if first.seed_variance is not None]
    noise = Variance(fmean(each.value for each in noises), noises[0].freedom)
    pairs.sort(key=lambda pair: each.value if (each := difference_over_classes(*pair)) else 0.0)
    one, other = pairs[PILOTS // 2]
    return evolve(one, seed_variance=noise), evolve(other, seed_variance=noise)


def share(count: int, of: int) -> str:
    """Return text such as "3.0% [1.1%, 6.4%]", with the exact 95% interval (Clopper and Pearson, 1934)."""
    interval = binomtest(count, of).proportion_ci()
    return f"{count / of:.1%} [{interval.low:.1%}, {interval.high:.1%}]"


def random_results(studies: int, pool: Executor) -> Iterator[str]:
    yield "| results | grid | studies | with a false claim | with a causal sentence |"
    yield "|---|---|---:|---:|---:|"
    rows = {(kind, grid): partial(random_truths, kind, grid) for kind, grid in product(RANDOM, GRIDS)}
    rows |= {(kind, "margin" if "one seed" not in kind else "all"): truths for kind, truths in other_truths().items()}
    for place, ((kind, grid), truths) in enumerate(rows.items()):
        chances = [(number, place) for number in range(studies)]
        verdicts = list(pool.map(judged, islice(truths(), studies), chances, chunksize=10))
        false, causal = (sum(verdict) for verdict in zip(*verdicts, strict=True))
        words = "–" if "the metric" in kind or "the same" in kind else share(causal, studies)
        yield f"| {kind} | {grid} | {studies} | {share(false, studies)} | {words} |"


def true_effects(studies: int, pool: Executor) -> Iterator[str]:
    yield "| values | seeds | effect in MAP@R | power of that | studies | found |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for design in DESIGNS:
        one, other = typical(design)
        size = smallest_found(one, other, design.seeds, design.tests)
        yield _row(design, size, design.seeds, (one, other), studies, pool)
    yield ""
    yield "| values | seeds of the study | seeds it needs | effect in MAP@R | seeds | power of that | studies | found |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    for design in (each for each in DESIGNS if each.seeds == 3):
        rows = typical(design)
        size = smallest_found(*rows, 8, design.tests)
        needed = seeds_needed(*rows, size, design.tests)
        assert needed is not None
        for seeds in (needed, needed // 2):
            row = _row(design, size, seeds, rows, studies, pool).removeprefix(
                f"| {design.values} | {seeds} | {size:.3f} "
            )
            yield f"| {design.values} | {design.seeds} | {needed} | {size:.3f} | {seeds} {row}"


def _row(design: Design, size: float, seeds: int, rows: tuple[Sample, Sample], studies: int, pool: Executor) -> str:
    chances = [(number, design.values, seeds) for number in range(studies)]
    hits = sum(pool.map(found, [design.truth(size, seeds)] * studies, chances, chunksize=10))
    stated = power(*rows, size, seeds, design.tests)
    return f"| {design.values} | {seeds} | {size:.3f} | {stated:.0%} | {studies} | {share(hits, studies)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200, help="of each row")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        for line in chain(random_results(options.studies, pool), [""], true_effects(options.studies, pool)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
