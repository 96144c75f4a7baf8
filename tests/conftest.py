"""What all tests share."""

from __future__ import annotations

import importlib.metadata
import os
import site
import subprocess
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from dmlcore.study.schema import Run, StudyFile
from installing import forget_at_the_end, write_dist_info
from running import python
from toys import REGISTRY, STUDY

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is loaded: two threads only slow small steps down


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hashes of files are remembered in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMLCORE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of small components, in the place of what is installed."""
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0" if name == "toys" else real(name))
    return REGISTRY


StudyMaker = Callable[..., StudyFile]


@pytest.fixture
def make_study(registry: Registry, tmp_path: Path) -> StudyMaker:
    """Loads the small study with some text added and some values set, for a store in the test's folder."""

    def make(*overrides: str, added: str = "", text: str = STUDY, name: str = "toy") -> StudyFile:
        path = tmp_path / f"{name}.toml"
        path.write_text(text + added, encoding="utf-8")
        return load_study(path, registry, overrides, Store(tmp_path))

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
        forget_at_the_end(module, monkeypatch)
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        write_dist_info(site, distribution, version, entry_points or [f"{module} = {module}"])

    return install


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def in_fresh_environment(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Run a module of a new environment, which sees the packages of this one, pip among them, and nothing else."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home)
    (packages,) = home.glob("lib/python*/site-packages")
    for number, folder in enumerate(site.getsitepackages()):
        (packages / f"outer{number}.pth").write_text(f"import site; site.addsitedir({folder!r})\n")

    def run(*command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return python("-m", *command, code=code, cwd=home, program=home / "bin" / "python")

    return run
