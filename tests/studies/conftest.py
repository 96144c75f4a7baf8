"""Where the studies that ship with dmlcore are tried."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from dmlcore_plugins.datasets.published import PublishedConfig
from plugins.datasets.archives import make_cars, make_cub
from running import invoke


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with archives of the true layout and counts."""
    folder = tmp_path_factory.mktemp("studies")
    (folder / "data").mkdir()
    make_cub(folder / "data")
    make_cars(folder / "data")
    return folder


READ_ONCE = functools.cache(PublishedConfig.load)


@pytest.fixture
def dmlcore(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command there and return what it prints. Each data set is read once for all studies."""
    monkeypatch.setattr(PublishedConfig, "load", READ_ONCE)
    return lambda *arguments: invoke(*arguments, cwd=workplace).stdout
