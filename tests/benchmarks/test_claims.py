"""The benchmark of claims: its rates, its designs, and one small run."""

from __future__ import annotations

import runpy
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from running import python

SCRIPTS = Path(__file__).parents[2] / "benchmarks"
BENCH: dict[str, Any] = runpy.run_path(str(SCRIPTS / "claims.py"))
VARIANCES: dict[str, Any] = runpy.run_path(str(SCRIPTS / "variances.py"))


def test_a_rate_has_its_exact_interval() -> None:
    assert BENCH["share"](6, 200) == "3.0% [1.1%, 6.4%]"


def test_the_effects_of_a_design_are_equal_steps_up_to_its_size() -> None:
    truth = BENCH["Design"](values=5, seeds=3).truth(0.1)
    effects = [truth.effect(point) for point in truth.points]
    assert effects == pytest.approx(np.linspace(0, 0.1, 5))
    assert (truth.seeds, BENCH["Design"](5, 3).tests) == (3, 10)


def test_studies_repeat_seeds_classes_and_noise_in_all_combinations() -> None:
    truths = list(islice(BENCH["random_truths"]("shuffled labels", "margin"), 18))
    assert len({(truth.seeds, truth.classes, truth.seed_noise) for truth in truths}) == 18
    assert all(truth.shuffled and not truth.learns for truth in truths)


def test_the_variance_that_dmlcore_uses_holds_the_level_of_equal_rows() -> None:
    for noise in ((1, 1), (1, 1, 1, 1, 1)):
        assert VARIANCES["rates"](noise, 2, 0.0)[3] <= 0.05
    assert VARIANCES["rates"]((1, 1), 2, 0.0)[0] > 0.06


@pytest.mark.slow
def test_the_benchmark_from_start_to_tables() -> None:
    lines = python(SCRIPTS / "claims.py", "--studies", "1").stdout.splitlines()
    kinds = len(BENCH["RANDOM"]) * len(BENCH["GRIDS"]) + len(BENCH["other_truths"]())
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| results", "| values"))]
    assert len(rows) == kinds + len(BENCH["DESIGNS"]) + 4
