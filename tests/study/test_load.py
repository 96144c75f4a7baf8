"""A study file is loaded whole, or refused with every problem in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmlcore import StudyError
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study, smoke_study
from toys import STUDY


def message(path: Path, registry: Registry, *overrides: str) -> str:
    with pytest.raises(StudyError) as caught:
        load_study(path, registry, overrides)
    return str(caught.value)


def test_what_is_missing_is_told(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "study.toml"
    path.write_text('[dataset]\nuse = "squares"\n[backbone]\nuse = "tiny"\n[sampler]\nuse = "balanced"\n')
    title, *problems = message(path, registry).split("\n\n")
    assert title == f"{path} has 2 problems."
    for problem, key, kind in zip(problems, ("loss", "evaluators"), ("loss", "evaluator"), strict=True):
        place, expected, got = problem.splitlines()
        assert place == f"{path}:1: {key}"
        assert f'`use = "{kind} name"`' in expected
        assert got == "    got       nothing"


def test_not_toml(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "study.toml"
    path.write_text("seeds = [0\nname = 3\n")
    assert message(path, registry).startswith(f"{path}:2:1: not valid TOML: ")


def test_no_such_file(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "nothing.toml"
    assert message(path, registry).startswith(f"{path}: study file not found")


def test_extends_lays_this_file_over_the_other(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "base.toml").write_text(STUDY + '\n[[observers]]\nuse = "recording"\n')
    path = tmp_path / "mine.toml"
    path.write_text('extends = "base/base.toml"\n[loss]\nmargin = 0.25\n[training]\nepochs = 7\n')
    study = load_study(path, registry).study
    assert study.name == "mine"
    assert study.training.epochs == 7
    assert study.training.batch_size == 9
    assert study.loss.margin == 0.25  # type: ignore[attr-defined]
    assert study.question == "Do colours keep apart?"


def test_another_component_does_not_inherit_options(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "base.toml").write_text(STUDY.replace('use = "pair"', 'use = "pair"\nmargin = 0.1'))
    path = tmp_path / "mine.toml"
    path.write_text('extends = "base.toml"\n[loss]\nuse = "collapse"\n')
    assert load_study(path, registry).study.loss.name == "collapse"


def test_a_mistake_is_placed_in_the_file_that_makes_it(tmp_path: Path, registry: Registry) -> None:
    base = tmp_path / "base.toml"
    base.write_text(STUDY.replace("epochs = 2", "epochs = -2"))
    path = tmp_path / "mine.toml"
    path.write_text('extends = "base.toml"\nseeds = []\n')
    text = message(path, registry, "training.batch_size=0")
    line = STUDY.splitlines().index("epochs = 2") + 1
    assert f"{base}:{line}: training.epochs\n    expected  a number ≥ 0\n    got       -2 (an integer)" in text
    assert "--set training.batch_size\n    expected  a number ≥ 1 images\n    got       0 (an integer)" in text
    assert text.startswith(f"{path} has 2 problems.")


def test_paths_are_relative_to_the_file_that_writes_them(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "base.toml").write_text(STUDY.replace('use = "squares"', 'use = "squares"\nroot = "photos"'))
    path = tmp_path / "mine.toml"
    path.write_text('extends = "base/base.toml"\n')
    assert load_study(path, registry).study.dataset.root == tmp_path / "base" / "photos"  # type: ignore[attr-defined]
    overridden = load_study(path, registry, ["dataset.root=photos"])
    assert overridden.study.dataset.root == Path("photos")  # type: ignore[attr-defined]


def test_extends_in_a_circle(tmp_path: Path, registry: Registry) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text('extends = "two.toml"')
    two.write_text('extends = "one.toml"')
    assert message(one, registry) == f"{two}: `extends` is circular: {one}, {two}, and again {one}."


def test_extends_what_is_not_there(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "base.toml"')
    text = message(path, registry)
    assert text.startswith(f"{tmp_path / 'base.toml'}: ")
    assert f"{path} extends it" in text


def test_grid_times_seeds(make_study: Any) -> None:
    file = make_study(added='[grid]\n"loss.margin" = [0.1, 0.5]\n"embedding.dim" = [4, "features"]\n')
    assert [(run.label, run.seed) for run in file.runs] == [
        (f"loss.margin={margin} embedding.dim={dim}", seed)
        for margin in (0.1, 0.5)
        for dim in (4, "features")
        for seed in (0, 1)
    ]
    assert len({run.fingerprint for run in file.runs}) == 8


def test_a_grid_over_components(make_study: Any) -> None:
    file = make_study("seeds=[0]", added='[grid]\nloss = [{use = "pair", margin = 0.1}, {use = "collapse"}]\n')
    assert [run.study.loss.name for run in file.runs] == ["pair", "collapse"]
    assert [run.label for run in file.runs] == ["loss=pair(margin=0.1)", "loss=collapse"]


def test_a_mistake_in_the_grid_is_told_once(make_study: Any, tmp_path: Path) -> None:
    added = '[grid]\n"loss.margin" = [0.1, "x"]\n"embedding.dim" = [4, 8]\n'
    with pytest.raises(StudyError) as caught:
        make_study(added=added)
    line = STUDY.count("\n") + 2
    assert str(caught.value) == (
        f"{tmp_path / 'toy.toml'} has 1 problem.\n\n"
        f'{tmp_path / "toy.toml"}:{line}: loss.margin\n    expected  a number\n    got       "x" (a string)'
    )


@pytest.mark.parametrize("path", ["seeds", "name", "observers.0.fails_on"])
def test_a_grid_over_what_changes_no_run(make_study: Any, path: str) -> None:
    with pytest.raises(StudyError, match=rf"grid.*{path}"):
        make_study(added=f'[grid]\n"{path}" = [[1], [2]]\n')


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("training.warmup_epochs=3", "warmup_epochs (3) must not exceed epochs (2)."),
        ("scheduler.name=step", 'the schedule "step" needs decay_epochs.'),
        ("scheduler.decay_rate=0.5", 'decay_rate has no effect on the schedule "constant"'),
        ("transforms.crop_scale=[1.0, 0.5]", "crop_scale must be [smallest, largest], not [1, 0.5]."),
        ("seeds=[1, 1]", "seeds must be one or more different numbers."),
        ("evaluators=[]", "a study needs at least one evaluator: [[evaluators]]."),
        (
            "evaluation.select=validation",
            'no evaluator of the study measures evaluation.metric = "retrieval/map_at_r".',
        ),
    ],
)
def test_options_that_do_not_go_together(make_study: Any, override: str, reason: str) -> None:
    with pytest.raises(StudyError) as caught:
        make_study(override)
    assert reason in str(caught.value)


@pytest.mark.parametrize("text", ["training.epochs", "=3"])
def test_an_override_without_a_value(make_study: Any, text: str) -> None:
    with pytest.raises(StudyError, match=f"--set {text}: expected path=value, such as training.epochs=10."):
        make_study(text)


def test_an_override_through_a_value(make_study: Any) -> None:
    with pytest.raises(StudyError, match=r"seeds\.first\.x: seeds\.first is not a table"):
        make_study("seeds.first.x=1")


def test_fingerprint_depends_on_what_counts_alone(make_study: Any) -> None:
    def prints(*overrides: str) -> list[str]:
        return [run.fingerprint for run in make_study(*overrides).runs]

    same = prints()
    assert prints("training.workers=3") == same
    assert prints("question=another") == same
    assert prints('observers=[{use="recording"}]') == same
    assert prints("dataset.root=elsewhere") == same
    assert prints("loss.margin=0.5") == same, "the default written out is the default"
    assert prints("loss.margin=0.4") != same
    assert prints("seeds=[0]") == same[:1]


def test_fingerprint_depends_on_versions(make_study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    before = make_study().runs[0]
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99" if name == "torch" else real(name))
    after = make_study().runs[0]
    assert before.versions["torch"] != after.versions["torch"] == "99"
    assert before.versions["toys"] == "1.0"
    assert before.fingerprint != after.fingerprint


def test_smoke_is_one_short_run_without_downloads(make_study: Any, registry: Registry) -> None:
    file = make_study("backbone.weights=big", added='[grid]\n"loss.margin" = [0.1, 0.5]\n')
    (run,) = smoke_study(file, registry).runs
    assert (run.study.training.epochs, run.study.training.max_steps, run.study.evaluation.max_images) == (1, 2, 200)
    assert run.study.backbone.weights == "random"  # type: ignore[attr-defined]
    assert run.study.loss.margin == 0.1  # type: ignore[attr-defined]


def test_one_mistake_for_all_values_of_the_grid_is_told_once(make_study: Any) -> None:
    with pytest.raises(StudyError, match=r"has 1 problem\.\n\n--set loss\.foo\n"):
        make_study('grid={"loss.foo"=[1, 2]}')
