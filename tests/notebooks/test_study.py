"""What a notebook says, and what it gets to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmlcore.engine.plan.stored import study_material
from dmlcore.engine.probe.probing import probe_study
from dmlcore.engine.runner import run_study
from dmlcore.errors import DmlcoreError
from dmlcore.host.registry import Registry
from dmlcore.notebooks import NotebookStudy, Page, open_study
from dmlcore.report.content.table import study_table, table_grid
from dmlcore.report.explanation.answer import answer_of
from dmlcore.report.explanation.batch_size import minimum_sentence
from dmlcore.report.render.markdown import grid_markdown, inline, paragraphs
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from toys import STUDY


@pytest.fixture
def study(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> NotebookStudy:
    monkeypatch.setattr(Registry, "of", lambda plugins: registry)
    monkeypatch.chdir(tmp_path)
    Path("toy.toml").write_text(STUDY)
    return open_study("toy.toml", overrides=["seeds=[0]"])


def run_all(study: NotebookStudy, registry: Registry) -> None:
    store = Store(Path("runs"))
    list(run_study(load_study(study.path, registry, study.overrides, store).runs, store, []))


def test_before_a_run_it_says_what_is_missing(study: NotebookStudy) -> None:
    assert repr(study) == "toy.toml: 0 of 1 run finished, in runs/toy"
    assert not study.finished
    assert [repr(item) for item in study.table()] == ["There are no results yet."]


def test_after_the_runs_everything_is_shown(
    study: NotebookStudy, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    run_all(study, registry)
    study.run()
    study.fetch()
    assert capsys.readouterr().out == "The images of squares are here.\n"
    assert study.state() == "1 of 1 run finished, in runs/toy"
    (table,) = study.table()
    assert isinstance(table, Page)
    material = study_material(study.load(), Store(Path("runs")))
    assert table._repr_markdown_() == grid_markdown(table_grid(study_table(material)))
    (answer,) = study.answer()
    found = answer_of(material)
    assert found is not None
    assert repr(answer).startswith(f"**{inline(found.verdict)}**")
    assert {type(item).__name__ for item in study.explanation()} == {"Page", "Picture"}
    assert {type(item).__name__ for item in study.details()} == {"Page", "Picture"}


def test_a_check_says_nothing_that_a_run_changes(
    study: NotebookStudy, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    study.check()
    before = capsys.readouterr().out
    run_all(study, registry)
    study.check()
    assert capsys.readouterr().out == before
    assert "pending" not in before


def test_a_check_shows_no_batches_of_values_that_are_not_chosen_yet(
    study: NotebookStudy, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("sizes.toml").write_text('extends = "toy.toml"\n[grid]\n"training.batch_size" = [6, 9]\n')
    best = '[best]\nfrom = ["sizes.toml"]\ntake = ["training.batch_size"]\nmetric = "nearest/recall_at_1"\n'
    Path("final.toml").write_text(f'extends = "toy.toml"\n{best}')
    final = open_study("final.toml", overrides=["seeds=[0]"])
    final.check()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "final.toml: OK, 1 run"
    assert len(lines) == 2
    assert lines[1].startswith("The values of [best] are not known yet")
    run_all(open_study("sizes.toml", overrides=["seeds=[0]"]), registry)
    final.check()
    assert "  batch    " in capsys.readouterr().out


def test_the_state_of_a_probe_is_that_of_its_probe(study: NotebookStudy, registry: Registry) -> None:
    Path("probe.toml").write_text(
        'extends = "toy.toml"\n[probe]\nmetric = "nearest/recall_at_1"\nsizes = [3, 6]\nsteps = 2\n'
    )
    probe = open_study("probe.toml")
    assert probe.state() == "the probe is not finished, in runs/probe"
    assert [repr(item) for item in probe.answer()] == ["There are no results yet."]
    loaded = load_study(Path("probe.toml"), registry, (), Store(Path("runs"))).probe
    assert loaded is not None
    found = probe_study(loaded, Store(Path("runs")))
    assert probe.state() == "the probe is finished, in runs/probe"
    assert paragraphs(minimum_sentence(found)) in repr(next(iter(probe.answer())))
    assert "There are no results yet." not in [repr(item) for item in (*probe.explanation(), *probe.details())]


def test_a_command_that_fails_is_an_error(study: NotebookStudy, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DmlcoreError, match=r"^dmlcore run .* exit code 2"):
        study.run()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "$ dmlcore run toy.toml --set 'seeds=[0]' --runs runs"
    assert lines[1].startswith("Error: toy.toml has ")  # another process knows nothing of the small components


def test_a_wrong_override_is_told_at_once(study: NotebookStudy) -> None:
    with pytest.raises(DmlcoreError, match=r"--set loss\.margn"):
        open_study("toy.toml", overrides=["loss.margn=1"])
