"""The assignment's studies, as far as a processor goes: every stage, on archives of the true layout and size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.datasets.archives import make_cars, make_cub
from running import invoke

STUDIES = Path(__file__).parents[2] / "studies"
ASSIGNMENT = STUDIES / "assignment"
Command = Callable[..., str]
NAMES = ("1_dimension", "2_margin", "3_batch_size", "4_triplet", "5_proxy_anchor")


def files(data_set: str) -> list[str]:
    paths = sorted(str(path) for path in (ASSIGNMENT / data_set).glob("*.toml"))
    assert [Path(path).stem for path in paths] == list(NAMES)
    return paths


@pytest.mark.parametrize(("data_set", "images"), [("glyphs", "3,000"), ("cub", "5,864"), ("cars", "8,054")])
def test_the_five_studies_can_be_made(data_set: str, images: str, dmlcore: Command) -> None:
    told = dmlcore("check", *files(data_set), "--set", "backbone.weights=random")  # no hub is reachable in a test
    assert told.count(f"train {images} images of ") >= len(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("data_set", ["cub", "cars"])
def test_every_stage_of_the_five_studies(data_set: str, workplace: Path, dmlcore: Command) -> None:
    """ResNet-50 on small pictures: the five smoke runs take some minutes."""
    size = [f"--set=transforms.{name}=64" for name in ("size", "train_resize", "test_resize")]
    dmlcore("run", *files(data_set), *size, "--smoke")
    results = [json.loads(path.read_text()) for path in workplace.rglob(f".smoke/{data_set}_[1-5]_*/*/result.json")]
    assert sorted(result["study"] for result in results) == [f"{data_set}_{name}" for name in NAMES]
    assert {result["settings"]["backbone"]["use"] for result in results} == {"resnet50"}


@pytest.mark.slow
@pytest.mark.parametrize("study", ["cub_contrastive", "cub_triplet", "cub_proxy_anchor", "cars_triplet"])
def test_resnet50_at_full_size_and_batch(study: str, tmp_path: Path) -> None:
    """Two steps of ResNet-50 at 224 px with batches of 100: ten GB and some two minutes a study."""
    (tmp_path / "data").mkdir()
    make = make_cub if study.startswith("cub") else make_cars
    make(tmp_path / "data")
    invoke("run", STUDIES / f"{study}.toml", "--smoke", cwd=tmp_path)
    (path,) = tmp_path.rglob("result.json")
    result = json.loads(path.read_text())
    assert result["settings"]["training"]["batch_size"] == 100
    assert result["protocol"]["transforms"]["size"] == 224
    assert result["protocol"]["train_classes"] == (100 if study.startswith("cub") else 98)
    assert [epoch["epoch"] for epoch in result["curve"]] == [0, 1]
    assert 0 < result["curve"][1]["loss"] < 200
