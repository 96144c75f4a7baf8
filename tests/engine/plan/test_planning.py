"""`dmlcore plan`, and the probe that `dmlcore run` makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import running
from dmlcore.engine import session
from dmlcore.engine.plan import planning
from dmlcore.engine.plan.pace import Pace
from dmlcore.engine.plan.planning import Item, Planner
from dmlcore.host.registry import Registry
from dmlcore.results.store import Store
from interrupting import interrupted
from toys import STUDY

PROBE = '[probe]\nmetric = "nearest/recall_at_1"\nsteps = 3\n'

PACE = Pace(
    step_seconds=2.0,
    image_seconds=0.5,
    pair_seconds=0.25,
    memory=7_000_000,
    backbone_bytes=1000,
    feature_dim=8,
    test_images=36,
    weights="tiny.v1, licence mit",
)
MEASUREMENT = 36 * 0.5 + 36**2 * 0.25


@pytest.fixture
def give(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Gives a command in a folder with the small study, which has a probe and a grid."""
    monkeypatch.setattr(Registry, "of", lambda plugins: registry)
    monkeypatch.chdir(tmp_path)
    Path("toy.toml").write_text(STUDY + PROBE + '[grid]\n"embedding.dim" = [2, 4]\n')
    Path("sizes.toml").write_text(STUDY + PROBE + "sizes = [3, 6]\n")

    def invoke(*arguments: str, code: int = 0) -> Result:
        return running.invoke(*arguments, code=code)

    return invoke


@pytest.fixture
def paced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A machine of a known pace; the runs that it was measured with."""
    measured: list[Any] = []
    monkeypatch.setattr(planning, "measure_pace", lambda run, data: measured.append(run) or PACE)
    return measured


def rows(result: Result) -> dict[str, list[str]]:
    """The cells of each line of the table, by its label."""
    table: dict[str, list[str]] = {}
    for line in result.stdout.splitlines():
        label, *cells = [cell.strip() for cell in line.split("  ") if cell.strip()] or [""]
        if cells:
            table[label] = cells
    return table


def test_a_plan_counts_and_times_what_is_left(give: Any, paced: list[Any]) -> None:
    result = give("plan", "toy.toml")
    table = rows(result)
    assert table["study"] == [
        "runs", "finished", "steps left", "images left", "time per run", "time left", "memory", "disk"
    ]  # fmt: skip
    assert table["embedding.dim=2"][:4] == ["2", "0", "8", "72"]
    assert table["probe of about 2 batch sizes"][:4] == ["1", "0", "6", "45"]
    assert table["all"][:4] == ["5", "0", "22", "189"]
    assert len(paced) == 1, "runs that differ in their dimension alone share a measurement"
    assert "backbone=tiny(weights=random) loss=pair, 2 s per step of 9 images," in result.stdout
    assert not Path("runs").exists(), "a plan stores nothing"


def items(file: Any, root: Path) -> tuple[Item, ...]:
    return tuple(Planner(Store(root)).plan(file))


def test_the_time_of_a_run_is_its_steps_and_measurements(make_study: Any, paced: list[Any], tmp_path: Path) -> None:
    (item,) = items(make_study("training.epochs=3", "evaluation.every=2"), tmp_path)
    assert item.label == "runs"
    assert item.steps == 2 * 3 * 2
    assert item.images == 9 * item.steps
    assert item.seconds_each == 6 * 2.0 + 3 * MEASUREMENT, "six steps; untrained, epoch 2 and the end"
    assert item.seconds_left == 2 * item.seconds_each
    assert item.memory == 7_000_000
    assert item.disk == 2 * (1000 + 4 * 9 * 4 + 36 * (4 * 4 + 8) + 2 * 36 * planning.EVIDENCE_BYTES)


def test_measurements_planned_are_those_that_a_run_makes(
    make_study: Any, paced: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dmlcore.engine.runner import run_study

    made: list[str] = []
    measure = session.Session._measure
    monkeypatch.setattr(
        session.Session, "_measure", lambda self, split, *rest: made.append(split) or measure(self, split, *rest)
    )
    for select, every in [("last", 1), ("last", 2), ("last", 0), ("validation", 1), ("validation", 2)]:
        made.clear()
        overrides = (f'evaluation.select="{select}"', f"evaluation.every={every}", "training.epochs=4")
        file = make_study("seeds=[0]", 'evaluation.metric="nearest/recall_at_1"', "training.batch_size=6", *overrides)
        planner = Planner(Store(tmp_path / f"{select}{every}"))
        (item,) = planner.plan(file)
        assert list(run_study(file.runs, planner.store, []))
        steps = planner._epoch(file.runs[0])[0]
        held_out = planner._images(file.runs[0]).validation
        each = 0.0 if held_out is None else PACE.measurement_seconds(len(held_out.labels))
        expected = 4 * steps * 2.0 + sum(each if split == "validation" else MEASUREMENT for split in made)
        assert item.seconds_each == expected, (select, every, made)


def test_finished_runs_cost_nothing_and_stopped_ones_their_rest(
    make_study: Any, paced: list[Any], tmp_path: Path
) -> None:
    from dmlcore.engine.runner import run_study

    file, store = make_study(), Store(tmp_path)
    with interrupted(1, "seed=1"):
        list(run_study(file.runs, store, []))
    (item,) = items(file, tmp_path)
    assert (item.runs, item.finished, item.steps) == (2, 1, 2)
    assert item.seconds_left == 2 * 2.0 + MEASUREMENT, "one epoch, and the measurement at the end"
    list(run_study(file.runs, store, []))
    paced.clear()
    assert items(file, tmp_path) == (Item("runs", 2, 2, 0, 0, None, 0.0, None, 0),)
    assert paced == [], "nothing is timed where nothing is left"


def test_the_pace_is_measured(make_study: Any, tmp_path: Path) -> None:
    planner = Planner(Store(tmp_path))
    (item,) = planner.plan(make_study("training.batch_size=18"))
    ((_, pace),) = planner.measurements
    assert min(pace.step_seconds, pace.image_seconds, pace.pair_seconds) > 0
    assert (pace.feature_dim, pace.test_images, pace.weights) == (8, 36, "")
    assert pace.backbone_bytes == 4 * (8 * 3 * 9 + 8 + 4 * 8) + 8, "filters, biases, BatchNorm and its count"
    assert item.memory is not None
    assert item.memory > 10**7
    assert list(tmp_path.iterdir()) == [tmp_path / "toy.toml"]


def test_unknown_best_values_are_stood_for(give: Any, paced: list[Any]) -> None:
    Path("best.toml").write_text(STUDY + '[best]\nfrom = ["toy.toml"]\ntake = ["embedding.dim"]\n')
    result = give("plan", "best.toml")
    assert result.stdout.startswith("best.toml: [best] is not resolved yet")
    assert rows(result)["runs"][:3] == ["2", "0", "8"]
    error = give("plan", "best.toml", "--set", "loss.margn=1", code=2).stderr
    assert error.startswith("Error: toy.toml has 1 problem.")


def test_run_makes_the_probe_and_a_study_of_a_probe_alone_has_no_runs(give: Any) -> None:
    assert give("check", "sizes.toml").stdout.startswith("sizes.toml: OK, a probe of the batch size\n  data ")
    result = give("run", "sizes.toml", "--observer", "recording")
    assert result.stdout.startswith("probe  sizes  training.batch_size  3 steps ")
    stored = json.loads(Path("runs/sizes/probe.json").read_text())
    assert [(trial["batch_size"], bool(trial["refused"])) for trial in stored["trials"]] == [(3, True), (6, False)]
    assert not list(Path("runs").rglob("result.json"))
    again = give("run", "sizes.toml", "--observer", "recording").stdout
    assert "probe  sizes" not in again
    table = rows(give("plan", "sizes.toml"))
    assert table["probe of 2 batch sizes"][:4] == ["1", "1", "0", "0"]


def test_a_probe_beside_a_grid(give: Any) -> None:
    give("run", "toy.toml", "--observer", "recording")
    assert Path("runs/toy/probe.json").is_file()
    assert len(list(Path("runs").rglob("result.json"))) == 4


def test_smoke_makes_a_tiny_probe(give: Any) -> None:
    give("run", "sizes.toml", "--smoke", "--observer", "recording")
    stored = json.loads(Path("runs/.smoke/sizes/probe.json").read_text())
    assert [trial["batch_size"] for trial in stored["trials"]] == [1, 9]
    assert stored["steps"] == 2
