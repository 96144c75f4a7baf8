"""The evaluator `clustering`: the NMI of pytorch-metric-learning, and how far it depends on the seed."""

from __future__ import annotations

import doctest
import importlib
import math
import statistics
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import FaissKMeans

from dmlcore import Embeddings
from dmlcore.neighbors import VectorError
from dmlcore_plugins.metrics.clustering import Clustering, _k_means, dmlcore_register_evaluators
from running import python


def overlapping(seed: int, count: int, classes: int, dim: int, noise: float = 1.0) -> Embeddings:
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(count) % classes)
    vectors = generator.standard_normal((classes, dim))[labels]
    vectors = vectors + noise * generator.standard_normal((count, dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Embeddings(vectors.astype(np.float32), labels)


def peer(embeddings: Embeddings, **kmeans: Any) -> dict[str, float]:
    """What pytorch-metric-learning says, by default or with another seed."""
    calculator = AccuracyCalculator(
        include=("NMI", "AMI"),
        device=torch.device("cpu"),
        kmeans_func=FaissKMeans(niter=20, **kmeans) if kmeans else None,
    )
    numbers = calculator.get_accuracy(embeddings.vectors, embeddings.labels)
    return {"nmi": numbers["NMI"], "ami": numbers["AMI"]}


FEW_A_CLUSTER = (200, 30, 8)
ENOUGH_A_CLUSTER = (1200, 20, 16)
SO_MANY_THAT_FAISS_SAMPLES = (2000, 4, 6)
NOT_CONVERGED = (2500, 30, 24, 2.0)
MANY_CLASSES = (5000, 1100, 24)


@pytest.mark.parametrize(
    "shape", [FEW_A_CLUSTER, ENOUGH_A_CLUSTER, SO_MANY_THAT_FAISS_SAMPLES, NOT_CONVERGED, MANY_CLASSES]
)
def test_nmi_and_ami_are_those_of_pytorch_metric_learning(shape: Any) -> None:
    embeddings = overlapping(0, *shape)
    measured = Clustering(seeds=1).evaluate(embeddings)
    expected = peer(embeddings)
    assert 0.1 < expected["nmi"] < 0.95
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_a_collapsed_embedding() -> None:
    collapsed = Embeddings(np.ones((60, 5), np.float32), np.arange(60) % 6)
    measured = Clustering(seeds=2).evaluate(collapsed)
    assert measured["nmi"] == pytest.approx(peer(collapsed)["nmi"], abs=1e-9)
    assert measured["nmi"] == 0
    assert measured["nmi_std"] == 0


def test_means_and_deviations_are_over_seeds() -> None:
    embeddings = overlapping(1, 300, 15, 8)
    measured = Clustering(seeds=4).evaluate(embeddings)
    runs = [peer(embeddings, seed=1234 + offset) for offset in range(4)]
    for name in ("nmi", "ami"):
        values = [run[name] for run in runs]
        assert len(set(values)) == 4
        assert measured[name] == pytest.approx(values[0], abs=1e-9)
        assert measured[f"{name}_mean"] == pytest.approx(statistics.mean(values), abs=1e-9)
        assert measured[f"{name}_std"] == pytest.approx(statistics.stdev(values), abs=1e-9)


def test_names_of_the_metrics() -> None:
    embeddings = overlapping(2, 60, 4, 3)
    assert list(Clustering().evaluate(embeddings)) == [*("nmi", "ami", "nmi_mean", "nmi_std", "ami_mean", "ami_std")]
    one = Clustering(seeds=1).evaluate(embeddings)
    assert list(one) == ["nmi", "ami", "nmi_mean", "ami_mean"]
    assert one["nmi"] == one["nmi_mean"]
    assert all(type(value) is float for value in one.values())


def test_nmi_is_the_formula() -> None:
    """2·I(Y, C) / (H(Y) + H(C)), with I(Y, C) = H(Y) + H(C) − H(Y, C)."""
    embeddings = overlapping(8, 90, 6, 4)
    labels = embeddings.labels.tolist()
    clusters = _k_means(embeddings.vectors, 6, 1234).tolist()

    def entropy(values: Iterable[object]) -> float:
        return -sum(n / 90 * math.log(n / 90) for n in Counter(values).values())

    both = entropy(labels) + entropy(clusters)
    nmi = 2 * (both - entropy(zip(labels, clusters, strict=True))) / both
    assert 0.2 < nmi < 0.9
    assert Clustering(seeds=1).evaluate(embeddings)["nmi"] == pytest.approx(nmi, abs=1e-12)


def test_two_classes_far_apart_are_found_from_any_seed() -> None:
    generator = np.random.default_rng(9)
    labels = np.arange(40) % 2
    vectors = (100 * labels[:, None] + generator.standard_normal((40, 3))).astype(np.float32)
    measured = Clustering(seeds=8).evaluate(Embeddings(vectors, labels))
    expected = {"nmi": 1, "ami": 1, "nmi_mean": 1, "nmi_std": 0, "ami_mean": 1, "ami_std": 0}
    assert measured == pytest.approx(expected, abs=1e-12)


def test_ami_is_about_zero_for_chance_and_nmi_is_not() -> None:
    generator = np.random.default_rng(3)
    embeddings = Embeddings(generator.standard_normal((300, 8)).astype(np.float32), np.arange(300) % 60)
    measured = Clustering(seeds=3).evaluate(embeddings)
    assert abs(measured["ami_mean"]) < 0.05
    assert measured["nmi_mean"] > 0.5


def test_a_gallery_is_not_looked_at() -> None:
    queries, gallery = overlapping(4, 100, 5, 4), overlapping(5, 50, 7, 4)
    assert Clustering(seeds=2).evaluate(queries, gallery) == Clustering(seeds=2).evaluate(queries)


def test_the_numbers_of_the_classes_do_not_matter() -> None:
    embeddings = overlapping(6, 100, 5, 4)
    renamed = Embeddings(embeddings.vectors, 2**24 + 7 * (4 - embeddings.labels))
    assert Clustering().evaluate(renamed) == pytest.approx(Clustering().evaluate(embeddings), abs=1e-12)


@pytest.mark.parametrize(
    ("vectors", "labels", "kind", "message"),
    [
        (
            [[1.0], [np.inf], [2.0]],
            [0, 0, 1],
            VectorError,
            "queries .* NaN or infinite values in 1 of 3 rows: 1",
        ),
        (
            [[1.0], [2.0]],
            [3, 3],
            ValueError,
            "all 2 samples have one class",
        ),
        (
            [[1.0], [2.0]],
            [3, 4],
            ValueError,
            "each of the 2 samples .* fewer classes than samples",
        ),
        (
            [[1.0], [2.0]],
            [3],
            ValueError,
            r"labels of queries must be of shape \(2,\).* not \(1,\)",
        ),
    ],
)
def test_what_can_not_be_clustered_is_a_clear_error(
    vectors: Any, labels: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        Clustering().evaluate(Embeddings(np.array(vectors, np.float32), np.array(labels)))


def test_zero_vectors_can_be_clustered() -> None:
    vectors = np.array([[0, 0], [0, 0.1], [9, 9], [9, 8.9]], np.float32)
    assert Clustering(seeds=1).evaluate(Embeddings(vectors, np.array([0, 0, 1, 1])))["nmi"] == 1


def test_faiss_says_nothing_of_small_classes(capfd: pytest.CaptureFixture[str]) -> None:
    embeddings = overlapping(7, *FEW_A_CLUSTER)
    peer(embeddings)
    assert "please provide at least" in capfd.readouterr().err
    Clustering().evaluate(embeddings)
    assert capfd.readouterr() == ("", "")


def test_torch_is_loaded_before_faiss() -> None:
    code = """
import sys
import numpy as np
from dmlcore import Embeddings
from dmlcore_plugins.metrics.clustering import Clustering
assert not {"torch", "faiss", "sklearn"} & set(sys.modules)
Clustering(seeds=1).evaluate(Embeddings(np.eye(3, dtype="float32"), np.array([0, 0, 1])))
loaded = list(sys.modules)
assert loaded.index("torch") < loaded.index("faiss")
"""
    python("-c", code)


def test_options() -> None:
    assert Clustering() == Clustering(seeds=5)
    with pytest.raises(ValueError, match=r"^seeds must be ≥ 1, not 0$"):
        Clustering(seeds=0)


def test_offered() -> None:
    assert dmlcore_register_evaluators() == [Clustering]
    assert (Clustering.name, Clustering.libraries) == ("clustering", ("faiss-cpu",))


def test_the_example_of_the_docstring() -> None:
    outcome = doctest.testmod(importlib.import_module("dmlcore_plugins.metrics.clustering"))
    assert (outcome.failed, outcome.attempted) == (0, 3)
