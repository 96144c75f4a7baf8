"""The assignment's studies, as far as a processor goes: every stage, on archives of the true layout and size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore.study.schema import StudyFile
from plugins.datasets.archives import make_cars, make_cub
from running import invoke

STUDIES = Path(__file__).parents[2] / "studies"
ASSIGNMENT = STUDIES / "assignment"
Command = Callable[..., str]
DATA_SETS = ("glyphs", "cub", "cars", "photos")
NAMES = ("1_dimension", "2_margin", "3_batch_size", "4_triplet", "5_proxy_anchor")


def files(data_set: str) -> list[str]:
    paths = sorted(str(path) for path in (ASSIGNMENT / data_set).glob("*.toml"))
    assert [Path(path).stem for path in paths] == list(NAMES)
    return paths


def test_the_five_studies_on_photographs(tmp_path: Path) -> None:
    for label in range(8):
        folder = tmp_path / f"class {label}"
        folder.mkdir()
        for number in range(6):
            Image.new("RGB", (40, 30), (30 * label, 40 * number, 99)).save(folder / f"{number}.png")
    root = f"dataset.root={tmp_path}"
    told = invoke("check", *files("photos"), "--set", root, "--set", "backbone.weights=random", cwd=tmp_path).stdout
    assert told.count("train 24 images of 4 classes, test 24 images of 4 classes") == len(NAMES)


def studies(data_set: str) -> dict[str, StudyFile]:
    registry = Registry.of(discover())
    return {name: load_study(ASSIGNMENT / data_set / f"{name}.toml", registry) for name in NAMES}


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_the_triplet_loss_is_compared_at_the_best_settings(data_set: str) -> None:
    """Mined, with all triplets, with a margin that is usual for it, and with the contrastive loss."""
    losses: list[Any] = [run.study.loss for run in studies(data_set)["4_triplet"].runs if run.seed == 0]
    margin = losses[0].margin
    assert [loss.name for loss in losses] == ["triplet", "triplet", "triplet", "contrastive"]
    assert [loss.margin for loss in losses] == [margin, margin, 0.1, margin]
    assert [loss.miner is None for loss in losses] == [False, True, False, True]
    assert losses[0].miner.triplets == losses[2].miner.triplets == "semihard"


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_proxy_anchor_and_contrastive_have_the_same_batches_and_epochs(data_set: str) -> None:
    five = studies(data_set)["5_proxy_anchor"]
    proxies, pairs = (run for run in five.runs if run.seed == 0)
    assert (proxies.study.needed_loss.name, pairs.study.needed_loss.name) == ("proxy_anchor", "contrastive")
    different = {key for key in proxies.settings if proxies.settings[key] != pairs.settings[key]}
    assert different == {"loss"}
    assert proxies.settings["sampler"]["samples_per_class"] == 5  # type: ignore[index]
    assert five.study.evaluation.every == 1


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
