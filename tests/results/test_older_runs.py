"""Folders of runs that older versions stored are read and reported."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dmlcore.report.content.material import StudyMaterial, gather
from dmlcore.report.render.writing import write_report
from dmlcore.results.store import EMBEDDINGS, Store, load_tensors

VERSION_0_1_0 = Path(__file__).parent / "version_0_1_0"
"""A study of two runs on 60 letters, as version 0.1.0 stored it; networks and pictures are not kept."""


@pytest.fixture
def material(tmp_path: Path) -> StudyMaterial:
    runs = shutil.copytree(VERSION_0_1_0, tmp_path / "runs")  # a report keeps what it draws next to the results
    names = {path.name: path.name for path in sorted((runs / "letters").iterdir())}
    return gather(Store(runs), "letters", "Does the embedding need 8 dimensions?", ("embedding.dim",), names)


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
