"""The benchmark of recording: its arithmetic, and one small measurement."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from running import python

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "recording.py"
BENCH: dict[str, Any] = runpy.run_path(str(SCRIPT))


def test_the_share_is_of_an_epochs_time() -> None:
    cost = BENCH["Cost"](without=50.0, recording=2.0, low=1.0, high=3.0, itself=2.0)
    assert cost.share(32) == pytest.approx(8 * 2 / (32 * 50))
    assert cost.share(2) == pytest.approx(0.04), "every step is recorded"


@pytest.mark.parametrize("loss", BENCH["LOSSES"])
def test_every_loss_can_be_trained_with(loss: str) -> None:
    network = BENCH["NETWORKS"]["quickstart"]._replace(batch_size=10, pixels=32)
    cost = BENCH["measured"](network, loss, 2)
    assert 0 < cost.itself < cost.without


def test_a_table_has_a_row_for_each_loss() -> None:
    network = BENCH["NETWORKS"]["quickstart"]._replace(batch_size=10, pixels=32)
    lines = BENCH["table"](network, ["triplet", "contrastive"], 2).splitlines()
    assert "2 pairs of steps; 16 of 300 steps an epoch are recorded." in lines
    rows = [line.strip("| ").split(" | ") for line in lines[-2:]]
    assert [row[0] for row in rows] == ["triplet", "contrastive"]
    assert all(float(row[1]) > float(row[4]) > 0 for row in rows)
    assert all(row[5].endswith("%") for row in rows)


@pytest.mark.slow
def test_the_benchmark_from_start_to_table() -> None:
    arguments = ["--networks", "quickstart", "--losses", "triplet", "--pairs", "2", "--threads", "1"]
    done = python(SCRIPT, *arguments)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1 threads, torch ")
    assert "2 pairs of steps; 7 of 30 steps an epoch are recorded." in lines
    row = lines[-1].strip("| ").split(" | ")
    assert row[0] == "triplet"
    assert float(row[1]) > float(row[4]) > 0
    assert row[5].endswith("%")
