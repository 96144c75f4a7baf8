"""What a notebook says, and what it gets to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmlcore.engine.plan.stored import study_material
from dmlcore.engine.runner import run_study
from dmlcore.errors import DmlcoreError
from dmlcore.host.registry import Registry
from dmlcore.notebooks import NotebookStudy, Page, open_study
from dmlcore.report.content.table import study_table, table_grid
from dmlcore.report.render.markdown import grid_markdown
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from toys import STUDY


@pytest.fixture
def study(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> NotebookStudy:
    monkeypatch.setattr(Registry, "of", lambda plugins: registry)
    monkeypatch.chdir(tmp_path)
    Path("toy.toml").write_text(STUDY)
    return open_study("toy.toml", overrides=["seeds=[0]"])


def test_before_a_run_it_says_what_is_missing(study: NotebookStudy) -> None:
    assert repr(study) == "toy.toml: 0 of 1 run finished, in runs/toy"
    assert not study.finished
    assert [repr(item) for item in study.table()] == ["There are no results yet."]


def test_after_the_runs_everything_is_shown(
    study: NotebookStudy, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(Path("runs"))
    list(run_study(load_study(Path("toy.toml"), registry, ["seeds=[0]"], store).runs, store, []))
    study.run()
    study.fetch()
    assert capsys.readouterr().out == "1 of 1 run finished, in runs/toy\nThe images of squares are here.\n"
    (table,) = study.table()
    assert isinstance(table, Page)
    material = study_material(study.load(), Store(Path("runs")))
    assert table._repr_markdown_() == grid_markdown(table_grid(study_table(material)))
    assert [type(item).__name__ for item in study.explanation()] == ["Page", *["Picture"] * 3]
    assert {type(item).__name__ for item in study.details()} == {"Page", "Picture"}


def test_a_command_that_fails_is_an_error(study: NotebookStudy, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DmlcoreError, match=r"^dmlcore run .* exit code 2"):
        study.run()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "$ dmlcore run toy.toml --set 'seeds=[0]' --runs runs"
    assert lines[1].startswith("Error: toy.toml has ")  # another process knows nothing of the small components


def test_a_wrong_override_is_told_at_once(study: NotebookStudy) -> None:
    with pytest.raises(DmlcoreError, match=r"--set loss\.margn"):
        open_study("toy.toml", overrides=["loss.margn=1"])
