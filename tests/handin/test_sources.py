"""Which files a study is made of, and where they are laid."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from dmlcore.errors import StudyError
from dmlcore.handin.sources import read_sources


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """A study that extends a file and needs another study, which extends the same."""
    folder = tmp_path / "home" / "studies"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "all.toml").write_text("schema = 1\n")
    (folder / "dim.toml").write_text('extends = "base/all.toml"\n')
    (folder / "final.toml").write_text('extends = "./base/../base/all.toml"\n[best]\nfrom = ["dim.toml"]\n')
    (folder / "other.toml").write_text("")
    return folder


def test_below_the_working_folder_paths_stay(studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(studies.parent)
    sources = read_sources([Path("studies/final.toml")])
    assert {str(place): text.partition("\n")[0] for place, text in sources.placed().items()} == {
        "studies/base/all.toml": "schema = 1",
        "studies/dim.toml": 'extends = "base/all.toml"',
        "studies/final.toml": 'extends = "./base/../base/all.toml"',
    }


def test_elsewhere_they_get_a_folder(studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    sources = read_sources([studies / "dim.toml"])
    assert list(map(str, sources.placed())) == ["studies/base/all.toml", "studies/dim.toml"]
    assert sources.place(studies / "photos") == PurePosixPath("studies/photos")


def test_an_absolute_path_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('extends = "/home/me/base.toml"\n')
    with pytest.raises(StudyError) as error:
        read_sources([path])
    assert str(error.value).startswith(f"{path}: ")
    assert "'/home/me/base.toml'" in str(error.value)
