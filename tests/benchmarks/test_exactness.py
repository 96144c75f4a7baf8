"""The reference of the exactness table ranks as the definitions say, and sees near-ties."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmlcore.neighbors import rank

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "exactness.py"


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    monkeypatch.delitem(sys.modules, "metrics", raising=False)
    made = runpy.run_path(str(SCRIPT))["reference"]
    monkeypatch.delitem(sys.modules, "metrics")
    return made


def test_the_reference_is_the_metrics(reference: Any) -> None:
    generator = np.random.default_rng(0)
    labels = generator.permutation(np.repeat(np.arange(200), 4))
    vectors = generator.standard_normal((200, 8))[labels] + 0.5 * generator.standard_normal((800, 8))
    found, ranking = reference(vectors, labels), rank(vectors, labels)
    assert found.values["map_at_r"] == pytest.approx(ranking.map_at_r(), abs=1e-12)
    assert found.values["r_precision"] == pytest.approx(ranking.r_precision(), abs=1e-12)
    assert found.values["recall_at_8"] == ranking.recall_at(8)


def test_a_near_tie_is_counted_for_each_query_that_it_decides(reference: Any) -> None:
    angles = np.array([0, 0.1, -0.1 - 1e-7, 3.0])
    found = reference(np.stack([np.cos(angles), np.sin(angles)], axis=1), np.array([0, 0, 1, 1]))
    assert found.near_ties == 1
