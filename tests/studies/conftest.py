"""Where the studies that ship with dmlcore are tried."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.datasets.archives import make_cars, make_cub


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
    """Runs dmlcore there, which must succeed, and gives what it prints."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dmlcore", *arguments],
            cwd=workplace,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "2"},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
