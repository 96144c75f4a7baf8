"""The wheel has all that a user needs who installs it with pip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from running import python, run_dmlcore

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


def test_it_has_the_studies(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / "studies").rglob("*.toml")}
    assert {name.removeprefix("dmlcore/") for name in names if name.startswith("dmlcore/studies/")} == shipped
    assert {name.partition("/")[0] for name in names} == {"dmlcore", "dmlcore_plugins", "dmlcore-0.1.0.dist-info"}


@pytest.mark.slow
def test_it_runs_studies_by_name(wheel: Path, tmp_path: Path) -> None:
    """Unpacked, as pip does it, and used from an empty folder."""
    site, home = tmp_path / "site", tmp_path / "home"
    zipfile.ZipFile(wheel).extractall(site)
    home.mkdir()
    checked = run_dmlcore("check", "quickstart", cwd=home, path=[site]).stdout
    assert checked.startswith(f"{site}/dmlcore/studies/quickstart.toml: ")
    run_dmlcore("run", "studies/quickstart.toml", "--smoke", cwd=home, path=[site])
    assert [path.name for path in home.iterdir()] == ["runs"]
    run_dmlcore("init", "assignment", "glyphs", cwd=home, path=[site])
    run_dmlcore("check", "studies/assignment/glyphs", cwd=home, path=[site])
