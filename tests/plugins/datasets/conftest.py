"""Archives that several tests of this folder read; none changes them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from plugins.datasets.archives import made_once, make_cars, make_cub, make_sop

LAYOUTS = ("numbered", "devkit", "by_class")


@pytest.fixture(scope="session")
def cub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds CUB_200_2011."""
    return made_once(tmp_path_factory, "cub", make_cub)


@pytest.fixture(scope="session")
def cars(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Layout → a folder that holds it."""
    return {layout: made_once(tmp_path_factory, layout, partial(make_cars, layout=layout)) for layout in LAYOUTS}


@pytest.fixture(scope="session")
def sop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds Stanford_Online_Products."""
    return made_once(tmp_path_factory, "sop", make_sop)


@pytest.fixture(autouse=True)
def _no_data_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Data sets on this machine are not found by accident."""
    monkeypatch.delenv("DMLCORE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
