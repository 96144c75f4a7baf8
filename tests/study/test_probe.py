"""`[probe]` in a study file."""

from __future__ import annotations

from typing import Any

import pytest

from dmlcore import StudyError
from dmlcore.study.load import smoke_study
from dmlcore.study.schema import ProbeTable
from toys import REGISTRY, STUDY

TABLE = '\n[probe]\nmetric = "nearest/recall_at_1"\n'


def problems(make_study: Any, added: str, **more: Any) -> str:
    with pytest.raises(StudyError) as caught:
        make_study(added=added, **more)
    return str(caught.value).partition("\n\n")[2]


def test_a_study_without_one(make_study: Any) -> None:
    assert make_study().probe is None


def test_a_probe_without_a_grid_is_all_that_is_made(make_study: Any) -> None:
    file = make_study(added=TABLE)
    assert file.runs == ()
    assert file.probe.table == ProbeTable(metric="nearest/recall_at_1")
    assert file.probe.run.seed == 0
    assert file.probe.run.study == file.study
    assert file.probe.run.fingerprint == make_study().runs[0].fingerprint


def test_a_probe_beside_a_grid_keeps_the_batch_size_of_the_file(make_study: Any) -> None:
    grid = '[grid]\n"training.batch_size" = [6, 12]\n"loss.margin" = [0.1, 0.2]\n'
    file = make_study(added=TABLE + grid)
    assert len(file.runs) == 8
    assert file.probe.run.study.training.batch_size == 9
    assert file.probe.run.point == {"loss.margin": 0.1}


def test_a_probe_does_not_change_the_runs(make_study: Any) -> None:
    grid = '[grid]\n"loss.margin" = [0.1]\n'
    assert make_study(added=TABLE + grid).runs == make_study(added=grid).runs


@pytest.mark.parametrize("sizes", ["[]", "[6, 3]", "[3, 3]"])
def test_sizes_must_rise(make_study: Any, sizes: str) -> None:
    line = STUDY.count("\n") + 2
    text = problems(make_study, TABLE + f"sizes = {sizes}\n")
    assert f"toml:{line}: probe\n    sizes must be one or more increasing numbers" in text


def test_mistakes_of_table_and_study_are_told_together(make_study: Any) -> None:
    text = problems(make_study, '\n[probe]\nstep = 5\nsteps = 1\n[grid]\n"loss.margn" = [1]\n')
    assert "probe.step\n    expected  an option of [probe]\n    got       'step'\n    Did you mean 'steps'" in text
    assert "probe.steps\n    expected  a number ≥ 2\n    got       1" in text
    assert "Did you mean 'margin'?" in text


def test_the_metric_is_of_an_evaluator_of_the_study(make_study: Any) -> None:
    text = problems(make_study, "\n[probe]\nsteps = 5\n")
    *_, place, expected, got = text.splitlines()
    assert place.endswith("probe.metric")
    assert expected.endswith("nearest/…")
    assert got == "    got       'retrieval/recall_at_1'"


def test_a_smoke_study_tries_two_sizes(make_study: Any) -> None:
    smoke = smoke_study(make_study(added=TABLE), REGISTRY)
    assert smoke.runs == ()
    assert smoke.probe is not None
    assert smoke.probe.table == ProbeTable(sizes=(1, 9), steps=2, metric="nearest/recall_at_1", max_images=200)
    both = smoke_study(make_study(added=TABLE + '[grid]\n"loss.margin" = [0.1, 0.2]\n'), REGISTRY)
    assert len(both.runs) == 1
    assert both.probe is not None
