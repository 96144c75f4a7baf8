"""The assignment's studies, as far as a processor goes: every stage, on archives of the true layout and size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.datasets.archives import make_cars, make_cub

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.mark.slow
@pytest.mark.parametrize("study", ["cub_contrastive", "cub_triplet", "cub_proxy_anchor", "cars_triplet"])
def test_resnet50_at_full_size_and_batch(study: str, tmp_path: Path) -> None:
    """Two steps of ResNet-50 at 224 px with batches of 100: ten GB and some two minutes a study."""
    (tmp_path / "data").mkdir()
    make = make_cub if study.startswith("cub") else make_cars
    make(tmp_path / "data")
    subprocess.run(
        [sys.executable, "-m", "dmlcore", "run", str(STUDIES / f"{study}.toml"), "--smoke"],
        cwd=tmp_path,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    (path,) = tmp_path.rglob("result.json")
    result = json.loads(path.read_text())
    assert result["settings"]["training"]["batch_size"] == 100
    assert result["protocol"]["transforms"]["size"] == 224
    assert result["protocol"]["train_classes"] == (100 if study.startswith("cub") else 98)
    assert [epoch["epoch"] for epoch in result["curve"]] == [0, 1]
    assert 0 < result["curve"][1]["loss"] < 200
