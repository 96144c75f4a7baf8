"""The folder that a notebook is executed in."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmlcore.handin.sources import read_sources
from dmlcore.handin.workbench import environment, workbench
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from toys import STUDY


@pytest.mark.parametrize("here", ["home", "home/studies", "away"])
def test_what_the_study_names_is_found(
    here: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "home/studies/toy.toml"
    (tmp_path / "away").mkdir()
    study.parent.mkdir(parents=True)
    study.write_text(STUDY)
    (tmp_path / "home/photos").mkdir()
    (tmp_path / "home/photos/cat.png").touch()
    monkeypatch.chdir(tmp_path / here)
    file = load_study(study, registry, [])
    text = study.read_text().replace("[dataset]", '[dataset]\nroot = "../photos"')
    assert text != study.read_text()
    study.write_text(text)
    file = load_study(study, registry, [])
    sources = read_sources([study])
    with workbench(file, sources, Path("results")) as folder:
        assert (folder / sources.place(study).parent / "../photos/cat.png").resolve().is_file()
        (folder / "runs" / "made").mkdir()
    assert Path("results/made").is_dir()
    assert not folder.exists()
    assert (tmp_path / "home/photos/cat.png").is_file(), "a link goes, what it leads to stays"


def test_a_notebook_shows_no_warning_about_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error::DeprecationWarning")
    assert environment()["PYTHONWARNINGS"] == "error::DeprecationWarning,ignore:IProgress not found"
