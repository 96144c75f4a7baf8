"""Folders of runs that older versions stored are read and reported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dmlcore.engine.plan.stored import study_material
from dmlcore.engine.runner import run_study
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.report.content.material import StudyMaterial, gather
from dmlcore.report.render.writing import write_report
from dmlcore.results.store import EMBEDDINGS, Store, load_tensors
from dmlcore.study.load import load_study
from dmlcore.study.lookup import NOT_RECORDED, look_up

VERSION_0_1_0 = Path(__file__).parent / "version_0_1_0"
"""A study of two runs on 60 letters, as version 0.1.0 stored it; networks and pictures are not kept."""


@pytest.fixture
def material(tmp_path: Path) -> StudyMaterial:
    runs = shutil.copytree(VERSION_0_1_0, tmp_path / "runs")  # a report keeps what it draws next to the results
    names = {path.name: path.name for path in sorted((runs / "letters").iterdir())}
    return gather(Store(runs), "letters", "Does the embedding need 8 dimensions?", ("embedding.dim",), names)


def test_they_are_finished_and_marked_and_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study of then gives the identity of then, with the versions of then."""
    runs = shutil.copytree(VERSION_0_1_0, tmp_path / "runs")
    stored = json.loads(next(runs.glob("*/*/result.json")).read_text(encoding="utf-8"))
    monkeypatch.setattr("dmlcore.study.load.versions_of", lambda *_: stored["versions"])
    settings = {name: value for name, value in stored["settings"].items() if name != "embedding"}
    words = [f"{name}={toml_value(value)}" for name, value in settings.items()]
    study = tmp_path / "letters.toml"
    study.write_text("\n".join(words) + '\n[grid]\n"embedding.dim" = [4, 8]\n', encoding="utf-8")
    store = Store(runs)
    file = load_study(study, Registry.of(discover()), (), store)
    found = [look_up(run, store) for run in file.runs]
    assert [(one.state, one.note) for one in found] == [("finished", NOT_RECORDED)] * 2
    assert {one.folder.final.name for one in found} == {path.name for path in (VERSION_0_1_0 / "letters").iterdir()}
    shown = study_material(file, store)
    assert [result.point["embedding.dim"] for result in shown.results] == [4, 8]
    assert shown.remarks == (f"embedding.dim=4 seed=0, embedding.dim=8 seed=0: {NOT_RECORDED}",)
    assert [outcome.metrics for outcome in run_study(file.runs, store, [])] == [one.metrics for one in shown.results]


def toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml_value(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value)


def test_results_evidence_and_embeddings_are_read(material: StudyMaterial) -> None:
    assert [result.metrics["retrieval/recall_at_1"] for result in material.results] == [4 / 60, 4 / 60]
    assert [result.metrics["retrieval/map_at_r"] for result in material.results] == [
        pytest.approx(value, abs=5e-5) for value in (0.0427, 0.0522)
    ]
    for result, dim in zip(material.results, (4, 8), strict=True):
        evidence, untrained = material.evidence(result), material.untrained_evidence(result)
        assert evidence is not None
        assert untrained is not None
        assert evidence.queries["retrieval/recall_at_1"].mean() == result.metrics["retrieval/recall_at_1"]
        assert untrained.queries["retrieval/recall_at_1"].mean() == result.baseline["retrieval/recall_at_1"]
        assert [epoch.epoch for epoch in result.curve] == [0, 1, 2]
        arrays, _ = load_tensors(material.folders[result.run].final / EMBEDDINGS)
        assert arrays["vectors"].shape == (60, dim)


def test_they_are_reported_with_the_numbers_of_then(material: StudyMaterial, tmp_path: Path) -> None:
    page = tmp_path / "report.md"
    write_report([material], [page, tmp_path / "report.html", tmp_path / "results.csv"])
    table = page.read_text(encoding="utf-8").partition("| untrained |")[2].split("\n\n")[0].splitlines()
    shown = dict(zip(("untrained", "4", "8"), table, strict=True))
    assert "0.1833<br>[0.050, 0.333]" in shown["untrained"]
    assert "0.0667<br>[0.000, 0.150]" in shown["4"]
    assert "0.0522<br>[0.030, 0.075]" in shown["8"]
    assert len((tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()) == 3
