"""The benchmark of the metrics: its embeddings, its formulas, its page, and one small measurement."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmlcore.neighbors import rank
from running import python

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "metrics.py"
BENCH: dict[str, Any] = runpy.run_path(str(SCRIPT))


@pytest.mark.parametrize("name", BENCH["SHAPES"])
def test_the_made_up_embeddings_have_the_shape_they_say(name: str) -> None:
    shape = BENCH["SHAPES"][name]
    small = shape._replace(samples=shape.samples // 50, classes=shape.classes // 50)
    vectors, labels = BENCH["made_up"](small, 128)
    assert vectors.shape == (small.samples, 128)
    assert vectors.dtype == np.float32
    sizes = np.bincount(labels, minlength=small.classes)
    assert len(sizes) == small.classes
    assert sizes.min() >= 2
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("system", ["faiss_flat", "torch_top_k"])
def test_the_peers_formulas_are_the_metrics(system: str) -> None:
    vectors, labels = BENCH["made_up"](BENCH["Shape"]("test", 300, 40, {16: 1.0}), 16)
    ranking = rank(vectors, labels)
    expected = {f"recall_at_{k}": ranking.recall_at(k) for k in BENCH["RECALL_AT"]}
    expected |= {"r_precision": ranking.r_precision(), "map_at_r": ranking.map_at_r()}
    assert BENCH[system](vectors, labels) == pytest.approx(expected, abs=1e-9)
    assert 0.1 < ranking.map_at_r() < 0.9


def test_one_measurement_in_a_process(tmp_path: Path) -> None:
    vectors, labels = BENCH["made_up"](BENCH["Shape"]("test", 300, 40, {16: 1.0}), 16)
    np.save(tmp_path / "vectors.npy", vectors)
    np.save(tmp_path / "labels.npy", labels)
    run = BENCH["in_a_process"](sys.executable, "ranking", 0, tmp_path)
    assert run.wall > 0
    assert run.values["recall_at_1"] == rank(vectors, labels).recall_at(1)
    none = "not run: too slow"
    lines = BENCH["table"]("ranking", {"**dmlcore**": [run, run], "another": none}).splitlines()
    cells = lines[2].strip("| ").split(" | ")
    assert cells[0] == "**dmlcore**"
    assert cells[2] == "1.00"
    assert cells[5:7] == ["2", f"{run.values['recall_at_1']:.6f}"]
    assert lines[3].startswith(f"| another | {none} |")


@pytest.mark.slow
def test_the_benchmark_from_start_to_tables() -> None:
    arguments = ["--shapes", "cub", "--dims", "128", "--parts", "ranking", "--repeats", "1", "--slow", "0", "--print"]
    done = python(SCRIPT, *arguments)
    lines = done.stdout.splitlines()
    assert "OMP_WAIT_POLICY=PASSIVE" in lines[0]
    assert "### CUB: 5,924 embeddings of 100 classes, D = 128" in lines
    rows = {line.split(" | ")[0].strip("| "): line.split(" | ")[1:] for line in lines if line.startswith("| ")}
    assert rows["open-metric-learning"][0].startswith("not run: no --oml-python")
    ours = rows["**dmlcore**"]
    assert ours[1] == "1.00"
    for title in ("faiss IndexFlatIP and formulas", "torch top-k and formulas", "pytorch-metric-learning, CustomKNN"):
        row = rows[title]
        assert float(row[0]) > 0
        assert int(row[3].replace(",", "")) >= 1, "each holds more than a megabyte"
        assert [float(value) for value in row[5:7]] == pytest.approx([float(value) for value in ours[5:7]], abs=1e-4)
    assert float(rows["lower bound: bare product of every pair"][0]) < float(ours[0])


def test_a_system_that_fails_says_why() -> None:
    failed = BENCH["in_a_process"](sys.executable, "ranking", 0, Path("nowhere"))
    assert failed.startswith("failed: FileNotFoundError: ")
    assert f"| **dmlcore** | {failed} |" in BENCH["table"]("ranking", {"**dmlcore**": failed})


def test_the_tables_are_written_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BENCH['BEGIN']}\n\nold\n\n{BENCH['END']}\n\nafter\n", encoding="utf-8")
    for text in ("new", "newer"):
        BENCH["write"](text, page)
        assert page.read_text() == f"before\n\n{BENCH['BEGIN']}\n\n{text}\n\n{BENCH['END']}\n\nafter\n"
    page.write_text("nothing")
    with pytest.raises(SystemExit, match="are missing"):
        BENCH["write"]("new", page)
    real = BENCH["PAGE"].read_text(encoding="utf-8")
    assert real.count(BENCH["BEGIN"]) == real.count(BENCH["END"]) == 1
