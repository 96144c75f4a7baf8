"""A third party's package, as its users meet it: built, installed beside dmlcore, used, and taken away."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "dmlcore-angular"

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's wheel, built from its sources."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(EXAMPLE)]
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return next(folder.glob("dmlcore_angular-*.whl"))


@pytest.fixture(scope="module")
def in_fresh_environment(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Runs a program of a new environment, which sees the packages of this one and nothing else."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    packages = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], check=True, capture_output=True, text=True
    ).stdout.strip()
    for number, folder in enumerate(site.getsitepackages()):
        (Path(packages) / f"outer{number}.pth").write_text(f"import site; site.addsitedir({folder!r})\n")

    def run(*command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [python, "-m", *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=home,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def test_its_own_tests_pass(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests")],
        check=True,
        capture_output=True,
        cwd=EXAMPLE,
        env=os.environ | {"PYTHONPATH": str(EXAMPLE), "PYTHONDONTWRITEBYTECODE": "1"},
    )


def test_installed_used_and_uninstalled(wheel: Path, in_fresh_environment: Command, tmp_path: Path) -> None:
    run = in_fresh_environment
    study = str(EXAMPLE / "studies" / "angular.toml")
    short = ["--runs", str(tmp_path), "--smoke", "--set", "dataset.classes=40"]
    run("pip", "install", "--no-deps", "--no-index", str(wheel))
    line = next(line for line in run("dmlcore", "list-plugins").stdout.splitlines() if "angular" in line)
    assert line.split(maxsplit=3)[:3] == ["angular", "dmlcore-angular", "1.0.0"]
    assert "alpha = 40" in run("dmlcore", "describe", "angular").stdout
    assert "trained" in run("dmlcore", "run", study, *short).stdout
    result = next(tmp_path.rglob("result.json")).read_text()
    assert '"dmlcore-angular": "1.0.0"' in result
    assert '"loss": "dmlcore-angular/angular 1.0.0"' in result

    run("pip", "uninstall", "--yes", "dmlcore-angular")
    assert "angular" not in run("dmlcore", "list-plugins").stdout
    error = run("dmlcore", "run", study, *short, code=1).stderr
    assert 'loss.use\n    expected  the name of a loss\n    found     "angular" (a string)' in error
    assert "no installed plugin offers a loss named 'angular'." in error
    assert "Known: contrastive, proxy_anchor, triplet." in error
