"""The exit codes of `dmlcore`, as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dmlcore.errors import DmlcoreError
from dmlcore.host.registry import Registry
from running import invoke, python, run_dmlcore
from toys import STUDY

ROOT = Path(__file__).parents[2]
BIRDS = ROOT / "studies" / "cub_triplet.toml"
CARS = 'extends = "{birds}"\nname = "cars"\n[dataset]\nuse = "cars196"\n'


@pytest.fixture
def study(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The small study `toy.toml` of the small components, with one run."""
    monkeypatch.setattr(Registry, "of", lambda plugins: registry)
    monkeypatch.chdir(tmp_path)
    path = Path("toy.toml")
    path.write_text(STUDY.replace("seeds = [0, 1]", "seeds = [0]"))
    return path


def test_0_success(study: Path) -> None:
    invoke("run", study, "--observer", "recording", "-q")
    invoke("check", study)


def test_1_a_run_failed(study: Path) -> None:
    assert "became nan" in invoke("run", study, "--observer", "recording", "--set", 'loss={use="nan"}', code=1).stdout


def test_1_a_file_cannot_be_written(study: Path) -> None:
    Path("runs").write_text("a file in the way")
    assert invoke("run", study, "--observer", "recording", code=1).stderr.startswith("Error: runs")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "toy.toml", "--set", "training.epoch=1"],
        ["check", "nowhere.toml"],
        ["run", "toy.toml", "--only", "seed=7"],
        ["run", "toy.toml", "--observer", "nobody"],
        ["results", "toy.toml", "--json", "--csv"],
        ["describe", "nothing_like_it"],
        ["describe", "losses", "pair"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_2_a_mistake_in_a_study_or_in_usage(study: Path, arguments: list[str]) -> None:
    invoke(*arguments, code=2)


def test_3_images_are_missing(tmp_path: Path) -> None:
    invoke("check", BIRDS, code=3, cwd=tmp_path)


def test_3_a_stored_result_is_damaged(study: Path) -> None:
    invoke("run", study, "--observer", "recording")
    (path,) = Path("runs").rglob("result.json")
    path.write_text("{")
    assert str(path) in invoke("report", study, code=3).stderr


def test_130_interrupted(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dmlcore.study.load.load_study", interrupt)
    assert invoke("check", study, code=130).stderr.startswith("Interrupted.")


def test_another_process_ends_with_them(tmp_path: Path) -> None:
    assert run_dmlcore("check", "nowhere.toml", code=2, cwd=tmp_path).stdout == ""


def test_every_error_has_a_documented_code() -> None:
    shown = invoke("--help").stdout.partition("Exit codes:")[2]
    documented = {int(line.split()[0]) for line in shown.splitlines() if line.strip()}
    errors, pending = set(), [DmlcoreError]
    while pending:
        errors.add(error := pending.pop())
        pending += error.__subclasses__()
    assert {error.exit_code for error in errors} | {0, 130} == documented
    page = (ROOT / "docs" / "study.md").read_text()
    assert [code for code in documented if f"| {code} |" not in page] == []


def test_missing_images_of_all_studies_are_reported_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "cars.toml").write_text(CARS.format(birds=BIRDS))
    code = (
        "import sys\nfrom dmlcore.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    done = python("-c", code, "run", BIRDS, "cars.toml", code=3, cwd=tmp_path)
    assert done.stdout == ""
    for name in ("cub200", "cars196"):
        (command,) = (line.strip() for line in done.stderr.splitlines() if f"dmlcore data fetch {name}" in line)
        assert "--root" in command
    assert not (tmp_path / "runs").exists()


def test_finished_runs_need_no_images(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke("run", study, "--observer", "recording")
    monkeypatch.setattr("dmlcore.engine.plan.stored.load_data", lambda *_: pytest.fail("images were loaded"))
    monkeypatch.setattr("dmlcore.engine.plan.stored.images_at_hand", lambda *_: None)
    invoke("run", study, "--observer", "recording")


def test_submit_of_unfinished_studies_is_missing_results(study: Path) -> None:
    assert "dmlcore run toy.toml" in invoke("submit", study, code=3).stderr


def test_results_say_the_state_of_every_run(study: Path) -> None:
    invoke("run", study, "--observer", "recording", "--set", "seeds=[0,1]", "--only", "seed=1")
    rows = json.loads(invoke("results", study, "--set", "seeds=[0,1]", "--json").stdout)
    assert [(row["state"], row["seed"]) for row in rows] == [("untrained", 1), ("pending", 0), ("finished", 1)]
