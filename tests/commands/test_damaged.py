"""One damaged run of a study: every command names it and goes on with the rest; `run` runs it again."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from dmlcore.host.registry import Registry
from dmlcore.notebooks import study as notebooks
from dmlcore.notebooks.study import open_study
from dmlcore.results.store import EMBEDDINGS, EVIDENCE, PROBE, RESULT
from running import invoke
from toys import REGISTRY, STUDY

PROBES = '\n[probe]\nmetric = "nearest/recall_at_1"\nsizes = [6]\nsteps = 2\n'
RUN = ("run", "toy.toml", "--observer", "recording")
TABLE = '[grid]\n"embedding.dim" = [2, 4]\n'


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with a probe and two runs."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "toy.toml").write_text(STUDY.replace("[0, 1]", "[0]") + PROBES + TABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Registry, "of", lambda plugins: REGISTRY)
        invoke(*RUN, cwd=folder)
    return folder


@pytest.fixture
def runs(finished: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The folders of the runs, in the working folder."""
    monkeypatch.setattr(Registry, "of", lambda plugins: REGISTRY)
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return sorted(path.parent for path in Path("runs/toy").glob(f"*/{RESULT}"))


def flip(path: Path) -> None:
    """Flip one bit of the file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def message(path: Path, kind: str, why: str) -> str:
    return f"{path}: damaged {kind} ({why}). `dmlcore run` moves it aside and runs again."


def whole(text: str) -> str:
    """The text without line breaks, which the width of the terminal decides."""
    return " ".join(text.split())


def test_a_result_that_is_not_utf_8(runs: list[Path]) -> None:
    first, second = runs
    numbers = {row["run"]: row for row in json.loads(invoke("results", "toy.toml", "--json").stdout)}
    (first / RESULT).write_bytes(b"\xff" + (first / RESULT).read_bytes())
    said = message(first / RESULT, "result", "byte 1 is not UTF-8")

    answer = invoke("results", "toy.toml", "--json", code=3)
    rows = {row["run"]: row for row in json.loads(answer.stdout)}
    assert answer.stderr == f"Damaged: {first.name}: {said}\n"
    assert (rows[first.name]["state"], rows[first.name]["reason"]) == ("damaged", said)
    assert rows[second.name] == numbers[second.name]

    lines = invoke("check", "toy.toml").stdout.splitlines()
    place = lines.index(f"  run      damaged      {first.name}")
    assert lines[place + 1 : place + 3] == [f"           {said}", f"  run      finished     {second.name}"]

    answer = invoke("report", "toy.toml", code=3)
    assert answer.stderr == f"Damaged: embedding.dim=2 seed=0: {said}\n"
    assert re.search(r"embedding dimension .*\n.*\n +untrained .*\n +4 +1\.0000 ", answer.stdout)
    page = Path("runs/toy/report.md").read_text()
    assert page.count("## Damaged results\n\nembedding.dim=2 seed=0: " + said.replace("`", r"\`") + "\n") == 1
    assert "Not included: 1 damaged run. embedding.dim=2 seed=0." in page
    assert f"<h2>Damaged results</h2>\n<p>embedding.dim=2 seed=0: {first / RESULT}: " in Path(
        "runs/toy/report.html"
    ).read_text().replace("</h2><p>", "</h2>\n<p>")

    error = invoke("submit", "toy.toml", code=3).stderr
    assert f"\n    embedding.dim=2 seed=0 (damaged: {said})\n" in error


def test_run_repeats_it_and_deletes_nothing(runs: list[Path]) -> None:
    before = json.loads(invoke("results", "toy.toml", "--json").stdout)
    flip(runs[0] / EVIDENCE)
    shown = whole(invoke(*RUN).stderr)
    aside = runs[0].with_name(f"{runs[0].name}.damaged")
    why = "it has changed since it was stored: the checksum does not match"
    assert f"{message(runs[0] / EVIDENCE, 'file', why)} Now at {aside}" in shown
    assert (aside / RESULT).is_file()
    after = json.loads(invoke("results", "toy.toml", "--json").stdout)
    for rows in (before, after):
        for row in rows:
            row.pop("seconds", None)
    assert after == before


def test_a_damaged_probe_is_named_and_runs_again(runs: list[Path]) -> None:
    path = Path("runs/toy") / PROBE
    path.write_text(path.read_text().replace('"steps": 2', '"steps": 3', 1))
    said = message(path, "probe", "its checksum does not match")
    assert invoke("report", "toy.toml", code=3).stderr == f"Damaged: probe: {said}\n"
    assert said in whole(invoke("plan", "toy.toml").stdout)
    invoke(*RUN)
    assert path.with_name(f"{PROBE}.damaged").is_file()
    assert invoke("report", "toy.toml").stderr == ""


def test_plan_counts_a_damaged_run_as_work(runs: list[Path]) -> None:
    flip(runs[1] / RESULT)
    shown = whole(invoke("plan", "toy.toml").stdout)
    assert f"{runs[1] / RESULT}: damaged result (" in shown
    assert "embedding.dim=2 1 1 0" in shown
    assert "embedding.dim=4 1 0 4" in shown


def test_a_report_without_its_map(runs: list[Path]) -> None:
    for run in runs:
        flip(run / EMBEDDINGS)
    invoke("report", "toy.toml")
    page = Path("runs/toy/report.html").read_text()
    assert "There is no map: runs/toy/" in page
    assert "the checksum does not match" in page


def test_a_notebook_names_it(runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "_registry", lambda: REGISTRY)
    study = open_study("toy.toml")
    flip(runs[0] / RESULT)
    assert study.state() == f"the probe is finished, 1 of 2 runs finished, 1 damaged, in {Path('runs/toy')}"
    assert not study.finished
    assert "## Damaged results" in "".join(str(item) for item in study.details())


def test_best_of_a_damaged_study_is_not_finished(runs: list[Path], registry: Any) -> None:
    flip(runs[0] / RESULT)
    Path("next.toml").write_text(STUDY + '[best]\nfrom = ["toy.toml"]\ntake = ["embedding.dim"]\n')
    error = invoke("report", "next.toml", code=2).stderr
    assert error.startswith(f"Error: best.from: 1 of 2 runs of toy.toml are finished. One is damaged: {runs[0]}")
    assert error.endswith("Run the others first: dmlcore run toy.toml\n")


def test_metrics_of_damaged_embeddings(runs: list[Path]) -> None:
    invoke("metrics", runs[0] / EMBEDDINGS, "--evaluator", "nearest")
    flip(runs[0] / EMBEDDINGS)
    error = invoke("metrics", runs[0] / EMBEDDINGS, "--evaluator", "nearest", code=3).stderr
    assert (
        message(runs[0] / EMBEDDINGS, "file", "it has changed since it was stored: the checksum does not match")
        in error
    )
