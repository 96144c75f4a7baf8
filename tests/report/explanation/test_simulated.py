"""Explanations of random results claim nothing, and effects are found as often as the power says.

`benchmarks/claims.py` prints the table; docs/explanations.md shows it.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from dmlcore.report.content.power import power, smallest_found
from dmlcore.report.content.statistics import Comparison, Sample, compare
from dmlcore.report.explanation import claims, effect
from sample_results import MAP
from simulated_studies import GRIDS, Truth, causal_sentences, draw, false_claims, retrieval

BENCH: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "claims.py"))

EQUAL, SHUFFLED = "equal settings, training changes nothing", "shuffled labels"


def most(studies: int) -> int:
    """The number of wrong studies that a rate of 5% exceeds with a probability below 2.5%."""
    return int(binom.ppf(0.975, studies, 0.05))


def small(kind: str) -> Iterator[Truth]:
    """Studies that are quick to explain."""
    while True:
        for grid, seeds in product(("batch size", "losses", "no grid"), (2, 3)):
            yield Truth(GRIDS[grid], seeds, 20, **BENCH["RANDOM"][kind])


def wrong(truths: Iterator[Truth], studies: int) -> int:
    """The number of studies with a false claim or a causal sentence."""
    return sum(any(BENCH["judged"](truth, (place, 5))) for place, truth in enumerate(islice(truths, studies)))


@pytest.mark.parametrize("kind", [EQUAL, SHUFFLED])
def test_random_results_are_not_explained(kind: str) -> None:
    assert wrong(small(kind), 40) <= most(40)


def test_one_seed_explains_nothing() -> None:
    assert wrong(BENCH["other_truths"]()["all kinds and grids, one seed"](), 18) == 0


def test_tests_without_correction_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effect, "comb", lambda *_: 1)
    monkeypatch.setattr(claims, "holm", lambda p_values: p_values)
    monkeypatch.setattr(effect, "compare", _over_classes_alone)
    truths = (Truth(GRIDS["batch size"], 2, 20, learns=False) for _ in iter(int, 1))
    assert wrong(truths, 16) > most(16)


def _over_classes_alone(a: Sample, b: Sample) -> Comparison | None:
    return compare(
        Sample(a.seeds, a.values, a.resampling, a.replicates), Sample(b.seeds, b.values, b.resampling, b.replicates)
    )


def test_a_false_claim_and_its_sentences_are_seen() -> None:
    study = draw(Truth(GRIDS["margin"], 3, 20, effects={"loss.margin": (0.0, 0.2, 0.5, 0.2, 0.1)}), 0)
    unknown = Truth(GRIDS["margin"], 3, 20)
    assert any(sentence.startswith("The margin changes MAP@R") for sentence in false_claims(study, unknown))
    assert any("The margin matters" in sentence for sentence in causal_sentences(study, unknown))


def test_the_metrics_of_a_drawn_study_are_those_of_the_definitions() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    angles = np.array([0.0, 0.1, 1.0, 0.25, 1.1, 3.0])
    found = retrieval(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), labels)
    assert found["retrieval/recall_at_1"].tolist() == [1, 1, 0, 0, 0, 1]
    assert found[MAP].tolist() == [0.5, 0.5, 0.0, 0.0, 0.25, 0.5]


def share_found(design: Any, studies: int) -> float:
    rows = BENCH["typical"](design)
    size = smallest_found(*rows, design.seeds, design.tests)
    assert power(*rows, size, design.seeds, design.tests) == pytest.approx(0.81, abs=0.02)
    found: Callable[..., bool] = BENCH["found"]
    return sum(found(design.truth(size), (place, 6)) for place in range(studies)) / studies


@pytest.mark.slow
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("kind", BENCH["RANDOM"])
def test_200_studies_of_random_results_are_not_explained(kind: str, grid: str) -> None:
    assert wrong(BENCH["random_truths"](kind, grid), 200) <= 10


@pytest.mark.slow
@pytest.mark.parametrize("design", BENCH["DESIGNS"], ids=str)
def test_200_studies_find_effects_as_often_as_the_power_says(design: Any) -> None:
    assert share_found(design, 200) >= 0.74
