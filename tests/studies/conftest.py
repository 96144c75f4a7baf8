"""Where the studies that ship with dmlcore are tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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


@pytest.fixture
def dmlcore(workplace: Path) -> Callable[..., str]:
    """Run a command there, which must succeed, and return what it prints."""
    return lambda *arguments: invoke(*arguments, cwd=workplace).stdout
