"""`dmlcore metrics`, as a user gives it: on small evaluators, and on the real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from click.testing import Result

import running
from dmlcore.commands.metrics.example_embeddings import example_embeddings
from dmlcore.host.registry import Offer, Registry
from dmlcore.neighbors import rank
from dmlcore_plugins.conformance.conformance import Conformance
from dmlcore_plugins.metrics.clustering import Clustering
from dmlcore_plugins.metrics.retrieval import Retrieval
from running import python
from toys import REGISTRY, SOURCE, Nearest

REAL = Registry(tuple(Offer(component, SOURCE) for component in (Retrieval, Clustering, Conformance)))


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Gives a `metrics` command in a folder with `e.npz`: two classes of three, well apart."""
    monkeypatch.chdir(tmp_path)
    both = evolve(REGISTRY, offers=REGISTRY.offers + REAL.offers)
    monkeypatch.setattr(Registry, "of", lambda plugins: both)
    vectors = np.array([[1, 0], [1, 0.1], [0.9, 0.2], [0, 1], [0.1, 1], [0.3, 1]], dtype=np.float32)
    np.savez("e.npz", vectors=vectors, labels=["a", "a", "a", "b", "b", "b"])
    np.savez("g.npz", vectors=vectors[::2] + 0.01, labels=["b", "c", "a"])

    def give(*arguments: str, code: int = 0) -> Result:
        return running.invoke("metrics", *arguments, code=code)

    return give


def rows_of(output: str) -> list[str]:
    return [" ".join(line.split()) for line in output.splitlines() if line.strip() and "─" not in line]


def test_the_table_of_a_file(invoke: Any) -> None:
    output = invoke("e.npz", "--evaluator", "nearest", "--evaluator", "retrieval", "--set", "retrieval.recall_at=[1,9]")
    *rows, note = rows_of(output.stdout)
    assert rows == [
        "e.npz: 6 embeddings of 2 classes, D = 2",
        "evaluator metric value",
        "nearest Recall@1 1.0000",
        "Spread 0.4406",
        "retrieval Recall@1 1.0000",
        "R-precision 1.0000",
        "MAP@R 1.0000",
        "MRR 1.0000",
    ]
    assert note.startswith("note retrieval: no Recall@K for K = 9: ")


def test_ties_stand_side_by_side_and_counts_are_whole(invoke: Any) -> None:
    vectors = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0.5, 1]], dtype=np.float32)
    np.savez("ties.npz", vectors=vectors, labels=[0, 0, 1, 2, 3])
    output = invoke("ties.npz", "--evaluator", "retrieval", "--set", "retrieval.recall_at=[1]").stdout
    rows = rows_of(output)
    assert rows[1:4] == [
        "evaluator metric value optimistic ties",
        "retrieval Recall@1 0.0000 1.0000",
        "R-precision 0.0000 1.0000",
    ]
    assert "Lone queries 3" in rows


def test_json_has_every_digit_and_all_that_was_asked(invoke: Any) -> None:
    example = example_embeddings()
    np.savez("example.npz", vectors=example.vectors, labels=example.labels)
    said = json.loads(invoke("example.npz", "--set", "clustering.seeds=1", "--json").stdout)
    ranking = rank(example.vectors, example.labels)
    assert said["metrics"]["retrieval/map_at_r"] == ranking.map_at_r()
    assert said["metrics"]["retrieval/map_at_r_optimistic"] == ranking.map_at_r(ties="optimistic")
    assert said["metrics"].keys() > {"clustering/nmi", "clustering/ami"}
    assert said["source"] == "example.npz"
    assert said["queries"] == {"samples": 632, "dimensions": 32, "classes": 72}
    assert said["gallery"] is None
    assert said["evaluators"] == [
        {"use": "retrieval", "recall_at": [1, 2, 4, 8, 16, 32], "distance": "cosine"},
        {"use": "clustering", "seeds": 1},
    ]
    assert said["notes"][0].startswith("retrieval: 12 of 632 queries ")


def test_a_gallery_is_ranked_by_class_names(invoke: Any) -> None:
    arguments = ("e.npz", "--gallery", "g.npz", "--evaluator", "retrieval", "--set", "retrieval.recall_at=[1,3]")
    said = json.loads(invoke(*arguments, "--json").stdout)
    assert said["gallery"] == {"samples": 3, "dimensions": 2, "classes": 3}
    assert said["metrics"]["retrieval/recall_at_1"] == 0
    assert said["metrics"]["retrieval/recall_at_3"] == 1
    first = "e.npz: 6 embeddings of 2 classes, ranked against 3 embeddings of 3 classes, D = 2"
    assert invoke(*arguments).stdout.splitlines()[0] == first


def test_the_gallerys_labels_may_lie_elsewhere(invoke: Any) -> None:
    np.save("q.npy", np.eye(3))
    np.save("g.npy", np.eye(3)[[1, 0, 2]])
    Path("q.txt").write_text("5\n6\n7\n")
    Path("g.txt").write_text("6\n5\n7\n")
    labels = ("--labels", "q.txt", "--gallery-labels", "g.txt")
    said = json.loads(invoke("q.npy", "--gallery", "g.npy", *labels, "--evaluator", "retrieval", "--json").stdout)
    assert said["metrics"]["retrieval/map_at_r"] == 1


def test_conformance_of_the_artificial_embeddings(invoke: Any) -> None:
    output = invoke("--conformance").stdout
    rows = rows_of(output)
    assert rows[0] == "artificial embeddings: 632 embeddings of 72 classes, D = 32"
    assert rows[1] == "metric by value difference"
    groups = [row.split()[0] for row in rows if " dmlcore " in row]
    assert groups == ["Recall@1", "Recall@8", "R-precision", "MAP@R", "MRR", "NMI", "AMI"]
    ranking = rank(example_embeddings().vectors, example_embeddings().labels)
    assert f"MAP@R dmlcore {ranking.map_at_r():.4f}" in rows
    for codebase in ("pml", "roth", "bnu", "oml", "proxy_anchor"):
        _, value, difference = next(row for row in rows if row.startswith(f"{codebase} ")).split()
        assert float(value) - ranking.recall_at(1) == pytest.approx(float(difference.replace("−", "-")), abs=1e-4)
        assert f"note conformance: {codebase}: " in output
    assert "-0.0000" not in output


def test_conformance_of_a_file_takes_options_as_any_evaluator(invoke: Any) -> None:
    said = invoke("e.npz", "--conformance", "--evaluator", "nearest", "--set", "conformance.recall_at=[1]")
    rows = rows_of(said.stdout)
    assert rows[2:4] == ["Recall@1 dmlcore 1.0000", "pml 1.0000 +0.0000"]
    assert "R-precision dmlcore –" in rows, "no evaluator of dmlcore measured it"


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["nowhere.npz"], 3, ["nowhere.npz: no such file"]),
        (["e.npz", "--evaluator", "retreival"], 2, ["'retreival'", "Did you mean 'retrieval'?", "clustering, conf"]),
        (
            ["e.npz", "--set", "retrieval.recall_at=[0]", "--set", "clustering.seed=3"],
            2,
            ["--set retrieval.recall_at[0]\n", "≥ 1", "\n\n--set clustering.seed\n", "'clustering'", "'seeds'?"],
        ),
        (
            ["e.npz", "--set", "retrievl.recall_at=[1]"],
            2,
            ["--set retrievl.recall_at=[1]: ", "retrieval, clustering", "Did you mean 'retrieval'?"],
        ),
        (["e.npz", "--set", "retrieval=[1]"], 2, ["--set retrieval=[1]: ", "retrieval, clustering"]),
        (
            ["e.npz", "--set", "retrieval.0=1", "--evaluator", "retrieval"],
            2,
            ["--set retrieval[0]\n", "'retrieval'", "recall_at, distance"],
        ),
        (["e.npz", "--gallery", "three.npz"], 2, ["queries have 2 dimensions", "gallery 3"]),
        (["e.npz", "--gallery", "numbered.npz"], 2, ["names in one", "numbers in the other"]),
        (["broken.npz"], 3, ["broken.npz: retrieval: ", "zero", "1 of 2 rows: 1.\n"]),
        (
            ["e.npz", "--gallery", "alone.npz", "--evaluator", "retrieval"],
            3,
            ["e.npz: retrieval: ", "2 samples", "class", "label 0", "\nCheck the labels."],
        ),
    ],
)
def test_a_mistake_is_one_message(invoke: Any, arguments: list[str], code: int, parts: list[str]) -> None:
    np.savez("three.npz", vectors=np.eye(3), labels=["a", "b", "a"])
    np.savez("numbered.npz", vectors=np.eye(2), labels=[0, 1])
    np.savez("broken.npz", vectors=[[0, 1], [0.0, 0]], labels=["a", "a"])
    np.savez("alone.npz", vectors=np.eye(2), labels=["a", "a"])
    message = invoke(*arguments, code=code).stderr
    assert message.startswith("Error: ")
    assert [part for part in parts if part not in message] == []


def queries_of_one_sample_a_class() -> None:
    vectors = np.eye(4, dtype=np.float32)
    np.savez("q.npz", vectors=vectors, labels=[0, 1, 2, 3])
    np.savez("many.npz", vectors=np.tile(vectors, (3, 1)), labels=np.tile([0, 1, 2, -1], 3))


def test_an_evaluator_that_cannot_measure_leaves_the_numbers_of_the_others(invoke: Any) -> None:
    queries_of_one_sample_a_class()
    reason = (
        "each of the 4 samples has a different class, so that NMI is 1 for any embedding: NMI needs fewer classes than"
        " samples."
    )
    arguments = ("q.npz", "--gallery", "many.npz")
    assert " ".join(invoke(*arguments).stdout.split()).endswith(f"not measured clustering: {reason}")
    said = json.loads(invoke(*arguments, "--json").stdout)
    assert said["metrics"]["retrieval/recall_at_1"] == 1
    assert said["not_measured"] == {"clustering": reason}
    assert invoke(*arguments, "--evaluator", "clustering", code=3).stderr == (
        f"Error: q.npz: clustering: {reason}\nCheck the labels.\n"
    )


def test_an_evaluator_that_fails_leaves_the_numbers_of_the_others(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nearest, "evaluate", lambda *_: 1 / 0)
    output = invoke("e.npz", "--evaluator", "nearest", "--evaluator", "retrieval", "--json", code=1)
    said = json.loads(output.stdout)
    assert said["metrics"]["retrieval/map_at_r"] == 1
    assert said["not_measured"]["nearest"].startswith("The evaluator 'nearest' failed in evaluate: ZeroDivisionError")
    assert invoke("e.npz", "--evaluator", "nearest", code=1).stderr.startswith("Error: The evaluator 'nearest' failed")


def test_labels_without_a_class_are_noticed_and_ignored_on_request(invoke: Any) -> None:
    queries_of_one_sample_a_class()
    arguments = ("q.npz", "--gallery", "many.npz", "--evaluator", "retrieval", "--json")
    (note,) = [note for note in json.loads(invoke(*arguments).stdout)["notes"] if "label" in note]
    assert note == (
        "3 of 12 gallery embeddings have the label '-1', which counts as a class here. If it marks junk or missing"
        " labels, ignore them: --ignore-label -1"
    )
    said = json.loads(invoke(*arguments, "--ignore-label", "-1", "--ignore-label", "3").stdout)
    assert said["queries"]["samples"] == 3
    assert said["gallery"] == {"samples": 9, "dimensions": 4, "classes": 3}
    assert said["metrics"]["retrieval/map_at_r"] == 1
    assert said["notes"][:2] == [
        "ignored because of the label -1: 0 of 4 queries and 3 of 12 gallery embeddings",
        "ignored because of the label 3: 1 of 4 queries and 0 of 12 gallery embeddings",
    ]


def test_ignored_embeddings_count_neither_as_hits_nor_as_misses(invoke: Any) -> None:
    np.savez("q.npz", vectors=[[1, 0.0], [0, 1]], labels=["a", "b"])
    np.savez("g.npz", vectors=[[1, 0.0], [0.9, 0.1], [0.1, 1], [0.5, 1]], labels=["nan", "a", "b", "a"])
    arguments = ("q.npz", "--gallery", "g.npz", "--evaluator", "retrieval", "--json")
    assert json.loads(invoke(*arguments).stdout)["metrics"]["retrieval/recall_at_1"] == 0.5
    said = json.loads(invoke(*arguments, "--ignore-label", "nan").stdout)
    assert said["metrics"]["retrieval/recall_at_1"] == 1


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("c", "--ignore-label c: no embedding has this label."),
        ("-1", "--ignore-label -1: no embedding has this label."),
    ],
)
def test_a_label_to_ignore_that_is_not_there(invoke: Any, label: str, message: str) -> None:
    assert invoke("e.npz", "--ignore-label", label, code=2).stderr == f"Error: {message}\n"


def test_nothing_remains_to_measure(invoke: Any) -> None:
    message = invoke("e.npz", "--ignore-label", "a", "--ignore-label", "b", code=2).stderr
    assert message == "Error: --ignore-label a, b: none of the embeddings remain.\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--conformance"),
        (["--conformance", "--ignore-label", "-1"], "--conformance"),
        (["--conformance", "--labels", "y"], "--conformance"),
        (["e.npz", "--gallery-labels", "y"], "--gallery-labels needs --gallery"),
        (["e.npz", "--gallery", "./e.npz"], "same file"),
        (["e.npz", "--conformance", "--gallery", "g.npz"], "--conformance and --gallery"),
    ],
)
def test_options_that_conflict(invoke: Any, arguments: list[str], named: str) -> None:
    assert named in invoke(*arguments, code=2).stderr.splitlines()[-1]


def test_ctrl_c_promises_nothing(invoke: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Retrieval, "evaluate", interrupted)
    assert invoke("e.npz", code=130).stderr == "Interrupted.\n"


def test_torch_is_not_loaded_by_the_command_itself(invoke: Any) -> None:
    code = (
        "import sys\nfrom dmlcore import cli\nfrom dmlcore.commands.metrics import measuring\n"
        "measuring.chosen_evaluators = lambda *_: ()\n"
        "assert not cli.main(['metrics', 'e.npz'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'"
    )
    assert python("-c", code).stdout.startswith("e.npz: 6 embeddings of 2 classes, D = 2\n")
