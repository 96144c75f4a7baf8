"""A study with a known truth, stored as its runs would have stored it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dmlcore.api.result import LossFacts, Result
from dmlcore.api.values import EpochSummary
from dmlcore.report.content.material import StudyMaterial
from dmlcore.results.evidence import Evidence, save_evidence
from dmlcore.results.store import EVIDENCE, UNTRAINED_EVIDENCE, Store
from dmlcore.results.trials import Probe
from dmlcore.text import point_label

RECALL = "retrieval/recall_at_1"
RECALL_2 = "retrieval/recall_at_2"
MAP = "retrieval/map_at_r"
NMI = "clustering/nmi"
HEADLINE = (RECALL, RECALL_2, MAP, NMI)

CONTRASTIVE = LossFacts("contrastive")

Figures = Callable[[Mapping[str, Any]], Mapping[str, float]]


def made_material(
    folder: Path,
    points: Sequence[Mapping[str, Any]],
    level: Callable[[Mapping[str, Any]], float],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    classes: int = 40,
    per_class: int = 15,
    class_spread: float = 0.12,
    seed_spread: float = 0.004,
    geometry: Figures = lambda point: {},
    diagnostics: Figures = lambda point: {},
    loss: LossFacts = CONTRASTIVE,
    evidence: bool = True,
    untrained: float = 0.3,
    settings: Mapping[str, Any] | None = None,
    chance: int = 0,
    **material: Any,
) -> StudyMaterial:
    """A study whose true Recall@1 at a point is `level(point)`, give or take the luck of the class and the seed.

    Every image has its own difficulty, the same in all runs, as the images of a test set have.
    """
    generator = np.random.default_rng(chance)
    labels = np.repeat(np.arange(classes), per_class)
    luck = np.repeat(generator.normal(0, class_spread, classes), per_class)
    difficulty = generator.random(len(labels))
    store = Store(folder)
    results, folders = [], {}
    for point in points:
        for seed in seeds:
            name = f"{point_label(point)}_{seed}".replace(" ", "_").replace("/", "-")
            run = store.run("made", name)
            trained = _queries(level(point) + generator.normal(0, seed_spread), luck, difficulty, generator)
            base = _queries(untrained, luck, difficulty, np.random.default_rng(99))
            run.final.mkdir(parents=True)
            if evidence:
                save_evidence(run.final / EVIDENCE, _evidence(labels, trained))
                save_evidence(run.final / UNTRAINED_EVIDENCE, _evidence(labels, base))
            folders[name] = run
            metrics = _means(trained) | {NMI: level(point) + generator.normal(0, 0.003)}
            results.append(
                made_result(
                    name,
                    point,
                    seed,
                    metrics,
                    _means(base) | {NMI: untrained},
                    geometry=_noisy(geometry(point), generator),
                    diagnostics=_noisy(diagnostics(point), generator),
                    loss=loss,
                    settings={**(settings or {}), **_nested(point)},
                    classes=classes,
                    images=len(labels),
                )
            )
    defaults: dict[str, Any] = {
        "name": "made",
        "question": "What does it change?",
        "source": "",
        "varied": tuple(dict.fromkeys(path for point in points for path in point)),
        "results": tuple(results),
        "folders": folders,
    }
    return StudyMaterial(**(defaults | material))


def made_result(
    name: str,
    point: Mapping[str, Any],
    seed: int,
    metrics: Mapping[str, float],
    baseline: Mapping[str, float],
    *,
    geometry: Mapping[str, float] = {},
    diagnostics: Mapping[str, float] = {},
    loss: LossFacts = CONTRASTIVE,
    settings: Mapping[str, Any] = {},
    classes: int = 40,
    images: int = 600,
) -> Result:
    """One run's result."""
    half = {metric: value - 0.01 for metric, value in metrics.items()}
    curve = (
        EpochSummary(0, None, None, 1.0, None, test=baseline),
        EpochSummary(1, 0.9, 1e-4, 5.0, 100.0, test=half, diagnostics=diagnostics),
        EpochSummary(2, 0.5, 1e-4, 5.0, 110.0, test=metrics, diagnostics=diagnostics),
    )
    return Result(
        study="made",
        question="What does it change?",
        run=name,
        fingerprint="0" * 64,
        seed=seed,
        point=point,
        settings={"dataset": {"use": "glyphs"}, "loss": {"use": loss.name}, "training": {"batch_size": 20}} | settings,
        versions={"torch": "2.9"},
        protocol={
            "train_images": images,
            "train_classes": classes,
            "test_images": images,
            "test_classes": classes,
            "transforms": {"size": 32},
            "epochs": 2,
            "epoch": 2,
            "selected_by": "last epoch",
            "weights": "random",
            "pooling": "avg",
            "batchnorm": "statistics frozen",
        },
        metrics=metrics,
        baseline=baseline,
        headline=HEADLINE,
        curve=curve,
        seconds=11.0,
        environment={"device": "cpu", "threads": 1},
        loss=loss,
        geometry=geometry,
        baseline_geometry={key: value / 2 for key, value in geometry.items()},
        peak_memory=512_000_000,
    )


def made_probe(trials: Sequence[Any], learns: int | None, runs: int | None) -> Probe:
    """A probe of batch sizes."""
    return Probe(
        study="made",
        path="training.batch_size",
        metric=RECALL,
        steps=50,
        trials=tuple(trials),
        smallest_that_runs=runs,
        smallest_that_learns=learns,
        largest_that_fits=None,
        conclusions=(f"The smallest batch size that runs is {runs}.",),
        settings={"sampler": {"use": "m_per_class"}},
        environment={},
        fingerprint="0" * 64,
    )


def _queries(
    level: float, luck: np.ndarray, difficulty: np.ndarray, generator: np.random.Generator
) -> dict[str, np.ndarray]:
    """Right where an image is easier than the network is good, with a little luck of the run's own."""
    own = difficulty + generator.normal(0, 0.03, len(difficulty))
    right = (own < level + luck).astype(float)
    second = (own < level + luck + 0.1).astype(float)
    return {RECALL: right, RECALL_2: second, MAP: np.clip(level + luck - 0.3 * (own - 0.5), 0, 1)}


def _means(queries: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {metric: float(values.mean()) for metric, values in queries.items()}


def _noisy(figures: Mapping[str, float], generator: np.random.Generator) -> dict[str, float]:
    return {name: value * (1 + 0.001 * generator.standard_normal()) for name, value in figures.items()}


def _nested(point: Mapping[str, Any]) -> dict[str, Any]:
    """A point as the part of the settings that it sets, one table deep."""
    tables: dict[str, Any] = {}
    for path, value in point.items():
        table, _, key = path.partition(".")
        tables[table] = {**tables.get(table, {}), key: value} if key else value
    return tables


def _evidence(labels: np.ndarray, queries: Mapping[str, np.ndarray]) -> Evidence:
    count = len(labels)
    return Evidence(
        labels=labels.astype(np.int64),
        class_names=tuple(f"class {number}" for number in range(labels.max() + 1)),
        queries=queries,
        spectrum=np.array([1.0]),
        similarity_edges=np.linspace(-1, 1, 5),
        positive_density=np.full(4, 0.5),
        negative_density=np.full(4, 0.5),
        neighbors=np.zeros((count, 2), dtype=np.int32),
        neighbor_similarities=np.zeros((count, 2), dtype=np.float32),
    )
