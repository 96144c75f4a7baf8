"""A result belongs to the images it was measured on: what every command shows and does when they change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmlcore.engine.runner import run_study
from dmlcore.host.registry import Offer, Registry
from dmlcore.notebooks import open_study
from dmlcore.results.store import Store
from dmlcore.study.load import load_study
from dmlcore_plugins.datasets.image_folder import ImageFolder
from running import invoke
from toys import SOURCE, STUDY

FOLDERS = STUDY.replace('use = "squares"', 'use = "image_folder"\nroot = "photos"').replace("[0, 1]", "[0]")
FOLDERS = FOLDERS.replace("batch_size = 9", "batch_size = 12")
CHANGE = "its files have changed since: 2 added (d/8.png, d/9.png), 1 replaced (a/0.png), 1 removed (c/5.png)"


@pytest.fixture(autouse=True)
def _studies(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two studies in two folders, each with a folder `photos` of the same classes and counts, but other photographs."""
    known = Registry((*registry.offers, Offer(ImageFolder, SOURCE)))
    monkeypatch.setattr(Registry, "of", lambda plugins: known)
    monkeypatch.chdir(tmp_path)
    for folder, noise in (("ours", 60), ("theirs", 0)):
        draw = np.random.default_rng(7)
        for name in "abcdefgh":
            Path(folder, "photos", name).mkdir(parents=True)
            colour = draw.integers(40, 216, 3)
            for number in range(6):
                shade = np.clip(colour + draw.normal(0, noise, 3), 0, 255).astype(np.uint8)
                Image.new("RGB", (12, 12), tuple(shade)).save(Path(folder, "photos", name, f"{number}.png"))
        Path(folder, f"{folder}.toml").write_text(FOLDERS)


def run(study: str, runs: str = "runs") -> None:
    """Runs a study without a report."""
    store = Store(Path(runs))
    list(run_study(load_study(Path(study), Registry.of([]), (), store).runs, store, []))


def metrics(study: str, runs: str = "runs") -> list[dict[str, float]]:
    paths = sorted(Path(runs, study).glob("*/result.json"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text())["metrics"] for path in paths]


def change() -> None:
    photos = Path("ours/photos")
    for name in ("d/8.png", "d/9.png", "a/0.png"):
        shutil.copy(photos / "b" / "0.png", photos / name)
    (photos / "c" / "5.png").unlink()


def test_a_study_of_the_same_names_trains_on_its_own_photographs() -> None:
    run("ours/ours.toml")
    run("theirs/theirs.toml")
    run("theirs/theirs.toml", "alone")
    assert metrics("theirs") == metrics("theirs", "alone")
    assert metrics("theirs") != metrics("ours")
    assert metrics("theirs")[0]["nearest/recall_at_1"] == 1.0, "photographs of a class are equal there"


def test_best_values_come_from_runs_on_the_present_photographs() -> None:
    grid = '[grid]\n"loss.margin" = [0.1, 0.4]\n'
    Path("ours/ours.toml").write_text(FOLDERS + grid)
    best = '[best]\nfrom = ["ours.toml"]\ntake = ["loss.margin"]\nmetric = "nearest/recall_at_1"\n'
    Path("ours/final.toml").write_text(FOLDERS + best)
    run("ours/ours.toml")
    change()
    error = " ".join(invoke("report", "ours/final.toml", code=2).stderr.split())
    assert error == (
        f"Error: best.from: 0 of 2 runs of ours/ours.toml are finished. 2 of them are outdated: {CHANGE}."
        " Run the others first: dmlcore run ours/ours.toml"
    )


def test_every_command_shows_what_has_changed() -> None:
    run("ours/ours.toml")
    (before,) = metrics("ours")
    change()
    line = f"outdated seed=0: {CHANGE}"
    assert f"run outdated {folder_of_now()} {CHANGE}" in words("check")
    assert line in words("plan")
    assert line in words("results")
    row = json.loads(invoke("results", "ours/ours.toml", "--json").stdout)
    assert row == [
        {"study": "ours", "run": folder_of_now(), "state": "outdated", "seed": 0, "reason": CHANGE},
    ]
    assert line in words("report")
    page = Path("runs/ours/report.md").read_text()
    assert f"## Outdated runs\n\nseed=0: {CHANGE}." in page
    assert CHANGE in Path("runs/ours/report.html").read_text()
    assert "0 of 1 run finished" in Path("runs/ours/report.html").read_text()
    assert f"{before['nearest/spread']:.4f}" not in page
    study = open_study("ours/ours.toml")
    assert study.state() == "0 of 1 run finished, 1 outdated, in runs/ours"
    assert not study.finished


def words(command: str) -> str:
    return " ".join(invoke(command, "ours/ours.toml").stdout.split())


def folder_of_now() -> str:
    return next(line.split()[2] for line in invoke("check", "ours/ours.toml").stdout.splitlines() if " run  " in line)


def test_an_outdated_run_is_made_again_in_a_new_folder() -> None:
    run("ours/ours.toml")
    (old,) = Path("runs/ours").glob("*/result.json")
    stored = old.read_bytes()
    change()
    shown = " ".join(invoke("run", "ours/ours.toml", "--observer", "recording").stdout.split())
    assert f"outdated seed=0: {CHANGE}; running again, in a new folder" in shown
    assert old.read_bytes() == stored, "nothing is deleted"
    first, second = metrics("ours")
    assert first != second
    run("ours/ours.toml", "alone")
    assert metrics("ours", "alone") == [second]
    run("ours/ours.toml")
    assert len(metrics("ours")) == 2
    assert "outdated" not in words("check")
    assert json.loads((Path("runs/ours") / folder_of_now() / "result.json").read_text())["data"]["files"] == 49


def test_a_copy_elsewhere_is_recognized() -> None:
    run("ours/ours.toml")
    shutil.copytree("ours", "moved/here")
    Path("moved/elsewhere").mkdir()
    Path("moved/here/photos").rename("moved/elsewhere/pictures")
    study = Path("moved/here/ours.toml")
    study.write_text(study.read_text().replace('"photos"', '"../elsewhere/pictures"'))
    shown = " ".join(invoke("check", str(study)).stdout.split())
    assert "run finished" in shown
    run(str(study))
    assert len(metrics("ours")) == 1


def test_without_the_photographs_finished_runs_are_reported_and_marked() -> None:
    run("ours/ours.toml")
    (measured,) = metrics("ours")
    Path("ours/photos").rename("gone")
    assert "note seed=0: files not at hand, not compared" in words("report")
    (_, row) = json.loads(invoke("results", "ours/ours.toml", "--json").stdout)
    assert (row["state"], row["note"]) == ("finished", "files not at hand, not compared")
    assert {name: row[name] for name in measured} == measured


def test_a_report_with_other_values_has_its_own_name() -> None:
    run("ours/ours.toml")
    words("report")
    before = Path("runs/ours/report.html").read_bytes()
    shown = invoke("report", "ours/ours.toml", "--set", "training.epochs=10", "--set", "seeds=[0, 1]").stdout
    assert shown == "Report: runs/ours/report.training.epochs=10_seeds=0-1.html\n"
    assert Path("runs/ours/report.html").read_bytes() == before
    assert "0 of 2 runs finished" in Path("runs/ours/report.training.epochs=10_seeds=0-1.html").read_text()
    many = [word for number in range(20) for word in ("--set", f"dataset.train_classes={['a', 'b']}")]
    long = invoke("report", "ours/ours.toml", *many).stdout.removeprefix("Report: ").strip()
    assert len(Path(long).name) < 120
    assert Path(long).is_file()


def test_the_name_of_a_report_is_without_the_values_of_other_studies() -> None:
    words = ("--set", "ours:question=Why?", "--set", "theirs:seeds=[3]")
    shown = invoke("report", "ours/ours.toml", "theirs/theirs.toml", *words).stdout.splitlines()
    assert shown == [
        "Report: runs/ours/report.question=Why.html",
        "Report: runs/theirs/report.seeds=3.html",
    ]


@pytest.mark.parametrize(
    ("how", "unresolved"),
    [
        ("the command", "[best] is not resolved yet; an arbitrary grid value is used here"),
        ("a notebook", "The values of [best] are not known yet"),
    ],
)
def test_check_prints_the_best_values_that_are_used(
    how: str, unresolved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def check() -> str:
        if how == "the command":
            return invoke("check", "ours/final.toml").stdout
        open_study("ours/final.toml").check()
        return capsys.readouterr().out

    sizes = Path("ours/sizes.toml")
    sizes.write_text(FOLDERS + '[grid]\n"training.batch_size" = [6, 12]\n')
    best = '[best]\nfrom = ["sizes.toml"]\ntake = ["training.batch_size"]\nmetric = "nearest/spread"\n'
    Path("ours/final.toml").write_text(FOLDERS + best)
    assert unresolved in check()
    assert "waiting for the studies that [best] needs" in invoke("check", "ours/final.toml").stdout
    run("ours/sizes.toml")
    rows = json.loads(invoke("results", "ours/sizes.toml", "--json").stdout)
    spread = {row["training.batch_size"]: row["nearest/spread"] for row in rows if row["state"] == "finished"}
    other, chosen = sorted(spread, key=lambda size: spread[size])
    sizes.write_text(FOLDERS + f'[grid]\n"training.batch_size" = [{other}, {chosen}]\n')  # the first stands for any
    assert f"  batch    {chosen} images of {chosen // 3} classes" in check()
    run("ours/final.toml")
    assert "  run      finished     seed=0_" in invoke("check", "ours/final.toml").stdout
