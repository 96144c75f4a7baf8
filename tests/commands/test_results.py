"""`dmlcore results`, `run --only`, `-v` and `-q`, on a study of small components with a grid."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from dmlcore.commands.run.selection import selected
from dmlcore.host.registry import Registry
from dmlcore.study.load import load_study
from running import invoke
from toys import STUDY

GRID = '[grid]\n"embedding.dim" = [2, 4]\n"loss" = [{use = "pair"}, {use = "pair", margin = 0.25}]\n'
EPOCHS = ("--set", "training.epochs=0")
RUN = ("run", "toy.toml", "--observer", "recording")


@pytest.fixture(autouse=True)
def _study(registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Registry, "of", lambda plugins: registry)
    monkeypatch.chdir(tmp_path)
    Path("toy.toml").write_text(STUDY + GRID)


@pytest.mark.parametrize(
    ("only", "wanted"),
    [
        (["seed=1", "embedding.dim=4 loss=pair seed=0"], [False, True, False, True, True, True, False, True]),
        (["embedding.dim=2 seed=0"], [True, False, True, False, False, False, False, False]),
        (['loss={use="pair", margin=0.25}'], [False, False, True, True, False, False, True, True]),
        (["NAME"], [False, False, False, False, False, False, True, False]),
    ],
    ids=["values and labels", "several values", "a table", "a name"],
)
def test_only_selects_what_it_names(only: list[str], wanted: list[bool], registry: Registry) -> None:
    file = load_study(Path("toy.toml"), registry)
    chosen = selected(file, [text.replace("NAME", file.runs[6].name) for text in only])
    assert [run in chosen.runs for run in file.runs] == wanted
    assert selected(file, []) is file


def test_only_with_smoke_tries_the_first_run_that_it_names() -> None:
    invoke(*RUN, "--smoke", "--only", "embedding.dim=4")
    (path,) = Path("runs/.smoke").rglob("result.json")
    assert json.loads(path.read_text())["point"]["embedding.dim"] == 4


def test_an_unknown_run_is_a_mistake_that_lists_them() -> None:
    error = invoke(*RUN, "--only", "embedding.dim=3", code=2).stderr
    assert "--only embedding.dim=3" in error
    names = [row["run"] for row in json.loads(invoke("results", "toy.toml", "--json").stdout)]
    assert len(names) == 8
    assert [name for name in names if name not in error] == []
    assert not Path("runs").exists()


def test_results_as_json_csv_and_table() -> None:
    invoke(*RUN, "--only", "loss=pair", *EPOCHS)
    listed = json.loads(invoke("results", "toy.toml", "--json", *EPOCHS).stdout)
    assert [row["state"] for row in listed] == ["untrained"] * 2 + ["finished", "finished", "pending", "pending"] * 2
    stored = {path.parent.name: json.loads(path.read_text()) for path in Path("runs/toy").glob("*/result.json")}
    for row in listed:
        if row["state"] == "finished":
            result = stored.pop(row["run"])
            assert {name: row[name] for name in result["metrics"]} == result["metrics"]
            assert (row["seed"], row["embedding.dim"]) == (result["seed"], result["point"]["embedding.dim"])
    assert not stored
    table = list(csv.DictReader(io.StringIO(invoke("results", "toy.toml", "--csv", *EPOCHS).stdout)))
    assert [row["run"] for row in table] == [row["run"] for row in listed]
    assert [float(row["nearest/recall_at_1"]) for row in table if row["state"] == "finished"] == [
        row["nearest/recall_at_1"] for row in listed if row["state"] == "finished"
    ]
    lines = [line.split() for line in invoke("results", "toy.toml", *EPOCHS).stdout.splitlines()]
    assert sum("finished" in line for line in lines) == 4
    assert sum("pending" in line for line in lines) == 4


def test_a_failed_run_has_its_reason() -> None:
    invoke(*RUN, "--set", 'grid={loss=[{use="nan"}]}', "--set", "seeds=[0]", code=1)
    (row,) = json.loads(
        invoke("results", "toy.toml", "--json", "--set", 'grid={loss=[{use="nan"}]}', "--set", "seeds=[0]").stdout
    )
    assert row["state"] == "failed"
    assert "nan" in row["reason"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_quiet_shows_errors_only(where: str) -> None:
    only = ("--only", "loss=pair embedding.dim=2 seed=0")
    words = ["-q", *RUN, *only] if where == "before" else [*RUN, *only, "-q"]
    done = invoke(*words)
    assert done.output == ""
    assert Path("runs/toy/report.html").is_file()
    assert "results" not in invoke("-q", "results", "toy.toml", "--csv").stderr
    assert invoke("results", "toy.toml", "-q").stdout, "what was asked for is shown"
    assert "--only" in invoke("run", "toy.toml", "--only", "x", "-q", code=2).stderr


@pytest.mark.parametrize(("flag", "shown"), [((), 1), (("-v",), 2), (("-vv",), 3), (("-q",), 0), (("-v", "-q"), 1)])
def test_verbosity_is_the_level_of_the_log(flag: tuple[str, ...], shown: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    def log(*_: object) -> None:
        logger = logging.getLogger("dmlcore.anything")
        for level in ("warning", "info", "debug"):
            getattr(logger, level)(level)

    monkeypatch.setattr("dmlcore.engine.plan.stored.result_rows", lambda *_: (log(), ([], []))[1])
    monkeypatch.setattr("dmlcore.host.discovery._log", logging.getLogger("elsewhere"))
    assert invoke("results", "toy.toml", *flag).stderr.split() == ["warning", "info", "debug"][:shown]
    assert invoke(*flag, "results", "toy.toml").stderr.split() == ["warning", "info", "debug"][:shown]
    assert logging.getLogger("dmlcore").handlers == []
