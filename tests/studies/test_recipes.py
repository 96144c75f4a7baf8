"""The recipes of published methods, on archives of the true layout and size."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "studies" / "recipes"
NAMES = {
    data_set: [f"{data_set}_{method}" for method in ("contextual", "hist", "recall_at_k")]
    for data_set in ("cub", "cars")
}


def files(data_set: str) -> list[str]:
    paths = sorted(str(path) for path in RECIPES.glob(f"{data_set}_*.toml"))
    assert [Path(path).stem for path in paths] == NAMES[data_set]
    return paths


def test_the_recipes_can_be_made(dmlcore: Callable[..., str]) -> None:
    told = dmlcore("check", *files("cub"), *files("cars"), "--set", "backbone.weights=random")
    assert "train 5,864 images of 100 classes" in told
    assert "train 8,054 images of 98 classes" in told
    assert all(f"{name}.toml: OK, 1 run" in told for names in NAMES.values() for name in names)


@pytest.mark.slow
@pytest.mark.parametrize("data_set", ["cub", "cars"])
def test_every_stage_of_the_recipes(data_set: str, workplace: Path, dmlcore: Callable[..., str]) -> None:
    """ResNet-50 on small pictures, batches of up to 400 in chunks: some minutes."""
    size = [f"--set=transforms.{name}=32" for name in ("size", "train_resize", "test_resize")]
    dmlcore("run", *files(data_set), *size, "--smoke")
    paths = [path for name in NAMES[data_set] for path in workplace.rglob(f".smoke/{name}/*/result.json")]
    results = [json.loads(path.read_text()) for path in paths]
    assert [result["study"] for result in results] == NAMES[data_set]
    assert all(0 < result["curve"][-1]["loss"] < 200 for result in results)
