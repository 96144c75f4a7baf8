"""Which tasks of the assignment studies answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmlcore.handin.assignment import TASKS, missing_tasks, tasks_of
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from handin.conftest import BASE

ASSIGNMENT = Path(__file__).parents[2] / "studies/assignment"


@pytest.mark.parametrize("data_set", ["glyphs", "cub", "cars"])
def test_each_study_of_the_assignment_answers_its_task(data_set: str, real_registry: Registry) -> None:
    paths = sorted((ASSIGNMENT / data_set).glob("*.toml"))
    assert [tasks_of(load_study(path, real_registry)) for path in paths] == [[task] for task in TASKS]


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("", []),
        ('[grid]\n"optimizer.learning_rate" = [0.1, 0.2]\n', []),
        ('[grid]\n"embedding.dim" = [4, 8]\n"loss.margin" = [0.1, 0.2]\n', ["task 1", "task 2"]),
        ("[probe]\n", ["task 3"]),
        ('[grid]\n"training.batch_size" = [12, 24]\n', ["task 3"]),
    ],
)
def test_a_study_is_recognized_by_what_it_varies(
    table: str, names: list[str], tmp_path: Path, real_registry: Registry
) -> None:
    path = tmp_path / "study.toml"
    path.write_text(BASE + table)
    assert [task.name.partition(" (")[0] for task in tasks_of(load_study(path, real_registry))] == names


def test_a_triplet_loss_without_best_values_is_not_task_4(tmp_path: Path, real_registry: Registry) -> None:
    path = tmp_path / "study.toml"
    path.write_text(BASE.replace('"contrastive"', '"triplet"'))
    assert tasks_of(load_study(path, real_registry)) == []


def test_tasks_are_missing_only_among_others() -> None:
    assert missing_tasks([]) == []
    assert missing_tasks(TASKS[:1]) == []
    assert [task.name for task in missing_tasks([TASKS[3], TASKS[0], TASKS[0], TASKS[1]])] == [
        "task 3 (batch size)",
        "bonus task (Proxy-Anchor)",
    ]
    assert missing_tasks(TASKS) == []
