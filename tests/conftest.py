"""What all tests share."""

from __future__ import annotations

import importlib.metadata
import os
import site
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from dmlcore.study.schema import Run, StudyFile
from toys import REGISTRY, STUDY

torch.set_num_threads(1)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of small components, in the place of what is installed."""
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0" if name == "toys" else real(name))
    return REGISTRY


StudyMaker = Callable[..., StudyFile]


@pytest.fixture
def make_study(registry: Registry, tmp_path: Path) -> StudyMaker:
    """Loads the small study with some text added and some values set."""

    def make(*overrides: str, added: str = "", text: str = STUDY, name: str = "toy") -> StudyFile:
        path = tmp_path / f"{name}.toml"
        path.write_text(text + added, encoding="utf-8")
        return load_study(path, registry, overrides)

    return make


@pytest.fixture
def real_study() -> Callable[..., Run]:
    """The first run of a study that ships with dmlcore, some values set."""

    def load(name: str, *overrides: str) -> Run:
        path = Path(__file__).parents[1] / "studies" / f"{name}.toml"
        return load_study(path, Registry.of(discover()), overrides).runs[0]

    return load


@pytest.fixture
def fake_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a distribution with one plugin module on the path, as pip would."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(distribution: str, source: str, entry_points: Sequence[str] = (), version: str = "1.0") -> None:
        module = distribution.replace("-", "_")
        monkeypatch.setitem(sys.modules, module, None)  # so that the end of the test forgets what it imports
        del sys.modules[module]
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = entry_points or [f"{module} = {module}"]
        (info / "entry_points.txt").write_text("\n".join(["[dmlcore]", *lines]))

    return install


Command = Callable[..., "subprocess.CompletedProcess[str]"]


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

    def run(*command: str, code: int = 0, cwd: Path = home) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [python, "-m", *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run
