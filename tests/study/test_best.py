"""Values that finished studies found best are taken into a later one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmlcore import StudyError
from dmlcore.engine.plan.stored import study_material
from dmlcore.results.store import Store
from dmlcore.study.best import in_order_of_need
from dmlcore.study.load import load_study
from dmlcore.study.schema import StudyFile
from sample_results import result
from toys import REGISTRY, STUDY

METRIC = "nearest/recall_at_1"
BEST = """
[best]
from = ["margins.toml", "dims.toml"]
take = ["embedding.dim", "loss.margin"]
metric = "nearest/recall_at_1"
"""

Scores = Callable[[Any], float]


@pytest.fixture
def folder(registry: Any, tmp_path: Path) -> Path:
    """Three studies: over margins, over dimensions, and one that takes the best of both."""
    (tmp_path / "margins.toml").write_text(STUDY + '[grid]\n"loss.margin" = [0.1, 0.3, 0.5]\n')
    (tmp_path / "dims.toml").write_text(STUDY + '[grid]\n"embedding.dim" = [2, 4]\n')
    (tmp_path / "final.toml").write_text(STUDY + BEST)
    return tmp_path


def finish(path: Path, store: Store, score: Scores, *, skip: int = 0) -> None:
    """Stores a result, scored by its point and seed, for every run but the last `skip`."""
    runs = load_study(path, REGISTRY, (), store).runs
    for run in runs[: len(runs) - skip]:
        run_folder = store.run(run.study.name, run.name)
        run_folder.partial.mkdir(parents=True)
        metrics = {"nearest/recall_at_1": score(run)}
        protocol = result().protocol | {"epoch": 1}
        run_folder.complete(result(metrics=metrics, seed=run.seed, point=run.point, protocol=protocol))


def fail(path: Path, store: Store, last: int) -> None:
    """The last runs of a study failed."""
    for run in load_study(path, REGISTRY, (), store).runs[-last:]:
        store.run(run.study.name, run.name).partial.mkdir()
        store.run(run.study.name, run.name).note_failure("collapsed")


def final(folder: Path, store: Store | None) -> StudyFile:
    return load_study(folder / "final.toml", REGISTRY, (), store)


def test_the_highest_mean_over_seeds_wins(folder: Path) -> None:
    store = Store(folder / "runs")
    by_margin = {(0.1, 0): 0.5, (0.1, 1): 0.5, (0.3, 0): 0.9, (0.3, 1): 0.2, (0.5, 0): 0.6, (0.5, 1): 0.6}
    finish(folder / "margins.toml", store, lambda run: by_margin[run.point["loss.margin"], run.seed])
    finish(folder / "dims.toml", store, lambda run: 1 / run.point["embedding.dim"])
    study = final(folder, store).study
    assert study.loss.margin == 0.5  # type: ignore[attr-defined]
    assert study.embedding.dim == 2
    assert final(folder, store).needs == (folder / "margins.toml", folder / "dims.toml")


def test_a_choice_has_every_value_that_it_was_chosen_from(folder: Path) -> None:
    store = Store(folder / "runs")
    by_margin = {(0.1, 0): 0.5, (0.1, 1): 0.7, (0.3, 0): 0.9, (0.3, 1): 0.2, (0.5, 0): 0.1}
    finish(folder / "margins.toml", store, lambda run: by_margin[run.point["loss.margin"], run.seed], skip=1)
    finish(folder / "dims.toml", store, lambda run: 1 / run.point["embedding.dim"])
    fail(folder / "margins.toml", store, 1)
    dim, margin = final(folder, store).choices
    assert (dim.path, dim.value, margin.path, margin.value) == ("embedding.dim", 2, "loss.margin", 0.1)
    assert (margin.study, margin.metric, margin.split, margin.classes) == ("margins", METRIC, "test", 100)
    assert [rival.point for rival in margin.rivals] == [{"loss.margin": value} for value in (0.1, 0.3, 0.5)]
    assert [rival.mean for rival in margin.rivals] == pytest.approx([0.6, 0.55, 0.1])
    assert [rival.sd for rival in margin.rivals[:2]] == pytest.approx([0.2 / 2**0.5, 0.7 / 2**0.5])
    assert study_material(final(folder, store), store).choices == (dim, margin)
    assert (margin.rivals[2].sd, [rival.runs for rival in margin.rivals]) == (None, [2, 2, 1])


def test_a_rival_that_failed_has_no_mean(folder: Path) -> None:
    store = Store(folder / "runs")
    finish(folder / "margins.toml", store, lambda _: 0.5, skip=2)
    finish(folder / "dims.toml", store, lambda _: 0.5)
    fail(folder / "margins.toml", store, 2)
    failed = final(folder, store).choices[1].rivals[-1]
    assert (failed.point, failed.mean, failed.sd, failed.runs) == ({"loss.margin": 0.5}, None, None, 0)


def test_rivals_of_a_grid_with_other_paths_are_its_points(folder: Path) -> None:
    (folder / "dims.toml").write_text(STUDY + '[grid]\n"embedding.dim" = [2, 4]\n"training.epochs" = [1, 2]\n')
    store = Store(folder / "runs")
    finish(folder / "margins.toml", store, lambda _: 0.5)
    finish(folder / "dims.toml", store, lambda run: run.point["embedding.dim"] * run.point["training.epochs"])
    choice = final(folder, store).choices[0]
    points = [{"embedding.dim": dim, "training.epochs": epochs} for dim in (2, 4) for epochs in (1, 2)]
    assert (choice.value, [rival.point for rival in choice.rivals]) == (4, points)


def test_there_are_no_choices_without_results(folder: Path) -> None:
    assert final(folder, None).choices == ()


def test_the_best_values_hold_in_the_tables_of_a_grid(folder: Path) -> None:
    store = Store(folder / "runs")
    finish(folder / "margins.toml", store, lambda run: run.point["loss.margin"])
    finish(folder / "dims.toml", store, lambda _: 0.5)
    tables = '{ use = "pair" }, { use = "pair", margin = -0.5 }, { use = "pair", miner = { use = "hard_pairs" } }'
    (folder / "final.toml").write_text(STUDY + BEST + f"[grid]\nloss = [{tables}]\n")
    runs = [run for run in final(folder, store).runs if run.seed == 0]
    assert [run.study.loss.margin for run in runs] == [0.5, -0.5, 0.5]  # type: ignore[union-attr]
    assert runs[0].point == {"loss": {"use": "pair", "margin": 0.5}}


def test_a_table_of_a_grid_without_the_table_of_a_best_value_stays(folder: Path) -> None:
    miner = STUDY.replace('use = "pair"', 'use = "pair"\nminer = { use = "hard_pairs" }')
    (folder / "margins.toml").write_text(miner + '[grid]\n"loss.miner.epsilon" = [0.2, 0.4]\n')
    tables = '{ use = "pair" }, { use = "pair", miner = { use = "hard_pairs" } }'
    best = BEST.replace("loss.margin", "loss.miner.epsilon")
    (folder / "final.toml").write_text(miner + best + f"[grid]\nloss = [{tables}]\n")
    losses: list[Any] = [run.study.loss for run in final(folder, None).runs if run.seed == 0]
    assert losses[0].miner is None
    assert losses[1].miner.epsilon == 0.2


def test_without_results_any_value_of_the_grid_stands_for_the_best(folder: Path) -> None:
    study = final(folder, None).study
    assert (study.loss.margin, study.embedding.dim) == (0.1, 2)  # type: ignore[attr-defined]


def test_unfinished_studies_are_to_be_made_first(folder: Path) -> None:
    store = Store(folder / "runs")
    finish(folder / "dims.toml", store, lambda _: 0.5, skip=1)
    with pytest.raises(StudyError) as caught:
        final(folder, store)
    path = folder / "dims.toml"
    assert str(caught.value).startswith(f"best.from: 3 of 4 runs of {path}")
    assert str(caught.value).endswith(f"dmlcore run {path}")


def test_failed_runs_are_passed_over(folder: Path) -> None:
    store = Store(folder / "runs")
    finish(folder / "dims.toml", store, lambda run: run.point["embedding.dim"], skip=2)
    finish(folder / "margins.toml", store, lambda _: 0.5)
    fail(folder / "dims.toml", store, 2)
    assert final(folder, store).study.embedding.dim == 2


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        (
            '"embedding.dim"',
            '"embedding.dims"',
            "best.take: ",
            ("'embedding.dims'", "Did you mean 'embedding.dim'?", "loss.margin, embedding.dim."),
        ),
        (
            "recall_at_1",
            "map",
            "best.metric: ",
            ("dims.toml", "'nearest/map'", "test classes", "nearest/recall_at_1"),
        ),
        (
            'metric = "nearest/recall_at_1"',
            'metric = "nearest/recall_at_1"\nsplit = "validation"',
            "best.metric: ",
            ("dims.toml", "'nearest/recall_at_1'", "validation classes", "nothing"),
        ),
    ],
)
def test_what_cannot_be_taken(folder: Path, old: str, new: str, place: str, words: tuple[str, ...]) -> None:
    store = Store(folder / "runs")
    for name in ("margins", "dims"):
        finish(folder / f"{name}.toml", store, lambda _: 0.5)
    (folder / "final.toml").write_text(STUDY + BEST.replace(old, new))
    with pytest.raises(StudyError) as caught:
        final(folder, store)
    assert str(caught.value).startswith(place)
    for word in words:
        assert word in str(caught.value)


def test_a_value_that_two_studies_vary(folder: Path) -> None:
    (folder / "dims.toml").write_text(STUDY + '[grid]\n"embedding.dim" = [2, 4]\n"loss.margin" = [0.2]\n')
    with pytest.raises(StudyError, match=r"best\.take: 'loss\.margin' .*margins\.toml.*dims\.toml"):
        final(folder, None)


def test_mistakes_in_the_table_are_told_with_their_place(folder: Path) -> None:
    path = folder / "final.toml"
    path.write_text(STUDY + '[best]\nfrom = "margins.toml"\ntakes = []\n')
    line = STUDY.count("\n")
    with pytest.raises(StudyError) as caught:
        final(folder, None)
    assert str(caught.value).startswith(
        f"{path} has 3 problems.\n\n{path}:{line + 1}: best.take\n    expected  a list of strings: "
    )
    assert f"{path}:{line + 2}: best.from\n    expected  a list of paths" in str(caught.value)
    assert f"{path}:{line + 3}: best.takes\n    expected  an option of [best]\n    got       'takes'" in str(
        caught.value
    )


def test_a_circle_is_refused(folder: Path) -> None:
    (folder / "dims.toml").write_text(STUDY + BEST.replace("margins", "final") + '[grid]\n"embedding.dim" = [2]\n')
    with pytest.raises(StudyError, match=r"\[best\].*circular"):
        final(folder, None)


def test_studies_are_made_in_the_order_of_need(folder: Path) -> None:
    files = [load_study(folder / f"{name}.toml", REGISTRY) for name in ("final", "dims", "margins")]
    names = [file.path.stem for file in in_order_of_need(files)]
    assert names[-1] == "final"
    assert sorted(names) == ["dims", "final", "margins"]
