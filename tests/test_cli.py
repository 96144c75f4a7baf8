"""The commands, as a user gives them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import BashComplete
from click.testing import Result

import running
from dmlcore import cli
from dmlcore.host.registry import Registry
from handin.conftest import BASE as LETTERS
from running import python
from toys import STUDY


@pytest.fixture
def invoke(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Gives a command, in a folder with the small study `toy.toml`, to the small components."""
    monkeypatch.setattr(Registry, "of", lambda plugins: registry)
    monkeypatch.chdir(tmp_path)
    Path("toy.toml").write_text(STUDY)

    def give(*arguments: str, code: int = 0) -> Result:
        return running.invoke(*arguments, code=code)

    return give


def test_run_prints_the_table_and_writes_the_report(invoke: Any) -> None:
    result = invoke("run", "toy.toml", "--observer", "recording")
    lines = result.stdout.splitlines()
    assert lines[0].strip() == "Do colours keep apart?"
    assert [line.split()[0] for line in lines if "±" in line] == ["untrained", "trained"]
    assert lines[-1] == "Report: runs/toy/report.html"
    assert Path("runs/toy/report.md").read_text().startswith("# toy\n\nDo colours keep apart?\n")
    assert "<h1>Do colours keep apart?</h1>" in Path("runs/toy/report.html").read_text()
    again = invoke("report", "toy.toml")
    assert again.stdout == result.stdout
    written = ["report.html", "report.md", "results.csv", "tables.tex"]
    assert [name for name in written if not Path("runs/toy", name).is_file()] == []


def test_report_writes_several_studies_into_one_file(invoke: Any) -> None:
    invoke("run", "toy.toml", "--observer", "recording")
    Path("other.toml").write_text(STUDY.replace("Do colours keep apart?", "Do they not?"))
    result = invoke("report", "toy.toml", "other.toml", "-o", "both/all.html", "-o", "all.csv")
    assert result.stdout.splitlines()[-2:] == ["Report: both/all.html", "Report: all.csv"]
    page = Path("both/all.html").read_text()
    assert "<h1>Do colours keep apart?</h1>" in page
    assert "<h1>Do they not?</h1>" in page
    assert len(Path("all.csv").read_text().splitlines()) == 3, "a header and the two runs that are finished"


def test_report_into_an_unknown_format_says_the_known_ones(invoke: Any) -> None:
    error = invoke("report", "toy.toml", "-o", "all.htm", code=2).stderr
    assert error.startswith("Error: all.htm: ")
    assert "Did you mean '.html'" in error
    assert ".html, .md, .csv, .tex, .pdf" in error


def test_a_missing_observer_is_an_error(invoke: Any) -> None:
    error = invoke("run", "toy.toml", "--observer", "consol", code=2).stderr
    assert "observer" in error
    assert "'consol'" in error
    assert "recording" in error


def test_a_mistake_is_a_message_and_no_traceback(invoke: Any) -> None:
    result = invoke("run", "toy.toml", "--set", "loss.margn=1", code=2)
    assert result.stderr.startswith("Error: toy.toml has 1 problem.\n\n--set loss.margn\n")
    assert "Traceback" not in result.output
    assert not Path("runs").exists(), "no run starts before all studies are right"


def test_ctrl_c_says_how_to_resume(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dmlcore.engine.runner.run_study", interrupted)
    error = invoke("run", "toy.toml", "--observer", "recording", code=130).stderr
    assert error.startswith("Interrupted.")
    assert "resumes" in error


def test_a_failed_run_is_reported_and_ends_with_an_error_code(invoke: Any) -> None:
    grid = 'grid={loss=[{use="nan"}, {use="pair"}]}'
    result = invoke("run", "toy.toml", "--set", grid, "--set", "seeds=[0]", "--observer", "recording", code=1)
    assert "failed loss=nan seed=0: The loss 'nan' became nan in step 1 of epoch 1." in result.stdout
    assert "loss=nan seed=0: The loss 'nan' became nan" in next(Path("runs/toy").glob("report.grid=*.md")).read_text()
    state = [
        line.split()[1]
        for line in invoke("check", "toy.toml", "--set", grid, "--set", "seeds=[0]").stdout.splitlines()
        if " run " in line
    ]
    assert state == ["failed", "finished"]


def test_smoke_tries_every_stage_and_keeps_apart(invoke: Any) -> None:
    for _ in range(2):
        result = invoke("run", "toy.toml", "--smoke", "--observer", "recording")
        assert "Report: runs/.smoke/toy/report.html" in result.stdout
    (stored,) = Path("runs").rglob("result.json")
    curve = json.loads(stored.read_text())["curve"]
    assert [epoch["epoch"] for epoch in curve] == [0, 1]


def test_check_counts_images_steps_and_runs(invoke: Any) -> None:
    lines = invoke("check", "toy.toml").stdout.splitlines()
    assert lines[:6] == [
        "toy.toml: OK, 2 runs",
        "  data     train 36 images of 6 classes, test 36 images of 6 classes",
        "  classes  train on colour 0, colour 1, colour 2, colour 3, and 2 more",
        "  images   all 72 images can be read",
        "  epoch    2 steps, 50.0% of the training images",
        "  batch    9 images of 3 classes; each image has 2 positives, 6 negatives, 12 triplets",
    ]
    assert lines[6].startswith("  smallest The smallest batch size that works is 6.")
    assert "5 fails: A batch of 3 images of 1 class" in lines[6]
    assert [line.split()[:2] for line in lines[7:]] == [["run", "pending"], ["run", "pending"]]


def test_check_finds_what_the_run_would_meet(invoke: Any) -> None:
    error = invoke("check", "toy.toml", "--set", "training.batch_size=3", code=2).stderr
    assert error.startswith("Error: A batch of 3 images of 1 class")
    assert error.endswith("samples_per_class. The smallest batch size that works is 6.\n")


@pytest.mark.parametrize(("begun", "names"), [("ba", ["balanced"]), ("tra", ["training", "transforms"]), ("zebra", [])])
def test_the_shell_completes_what_is_described(invoke: Any, begun: str, names: list[str]) -> None:
    complete = BashComplete(cli.main, {}, "dmlcore", "_DMLCORE_COMPLETE").get_completions
    assert [item.value for item in complete(["describe"], begun)] == names


def test_the_shell_completes_paths_of_studies(invoke: Any) -> None:
    complete = BashComplete(cli.main, {}, "dmlcore", "_DMLCORE_COMPLETE").get_completions
    assert [item.type for item in complete(["run"], "stud")] == ["file"]


def test_the_shell_completes_names_of_studies_that_ship(invoke: Any) -> None:
    complete = BashComplete(cli.main, {}, "dmlcore", "_DMLCORE_COMPLETE").get_completions
    assert [item.value for item in complete(["run"], "photos")] == [
        "photos",
        "photos_dimension",
        "photos_margin",
        "photos",
    ]
    assert complete(["notebook"], "quick")[0].value == "quickstart"


def test_describe_a_component_a_table_and_nothing(invoke: Any) -> None:
    assert invoke("describe", "pair").stdout.startswith("loss pair  [toys 1.0]\n\nA plain pair loss.\n\nmargin = 0.5\n")
    assert invoke("describe", "training").stdout.startswith("[training]\n\n")
    error = invoke("describe", "pear", code=2).stderr
    assert "'pear'" in error
    assert "Did you mean 'pair'" in error


def test_version(invoke: Any) -> None:
    assert invoke("--version").stdout == "dmlcore, version 0.1.0\n"


GLYPHS = str(Path(__file__).parents[1] / "studies" / "quickstart.toml")


WITHOUT_TORCH = [
    ["list-plugins"],
    ["describe", "triplet"],
    ["describe", "loss.miner"],
    ["schema"],
    ["check", GLYPHS],
    ["report", GLYPHS],
    ["results", GLYPHS],
    ["data", "check", "glyphs", "--set", "classes=4"],
    ["init"],
    ["--help"],
]


def test_torch_is_not_loaded(tmp_path: Path) -> None:
    code = (
        "import sys, json\nfrom dmlcore.cli import main\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    assert not main(words, standalone_mode=False)\n"
        "    assert 'torch' not in sys.modules, f'torch was loaded by {words}'"
    )
    python("-c", code, json.dumps(WITHOUT_TORCH), cwd=tmp_path)


@pytest.mark.parametrize(
    "delays", [[0.0], pytest.param([0.0, 0.05, 0.1, 0.15, 0.2, 0.3], marks=pytest.mark.slow)], ids=["once", "often"]
)
def test_killed_at_any_moment_a_run_ends_with_the_same_metrics(tmp_path: Path, delays: list[float]) -> None:
    study = tmp_path / "study.toml"
    study.write_text(LETTERS + "[evaluation]\nevery = 1\n")
    words = ["run", str(study), "--set", "training.epochs=4", "--runs"]

    def checkpoints() -> list[tuple[int, int]]:
        return [(path.stat().st_ino, path.stat().st_size) for path in tmp_path.rglob("checkpoint.pt")]

    def result(name: str) -> Any:
        running.invoke(*words, tmp_path / name)
        (path,) = (tmp_path / name).rglob("result.json")
        stored = json.loads(path.read_text())
        curve = [(epoch["loss"], epoch["test"], epoch["diagnostics"]) for epoch in stored["curve"]]
        return stored["metrics"], stored["baseline"], curve

    for number, delay in enumerate(delays):
        command = [sys.executable, "-m", "dmlcore", *words, str(tmp_path / "killed")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=running.environment())
        before = checkpoints()
        while checkpoints() == before and process.poll() is None:
            time.sleep(0.005)
        time.sleep(delay)
        process.kill()
        assert process.wait() == -signal.SIGKILL or number, "it was killed while it trained"
    assert result("killed") == result("whole")
