"""A study as if it had been run: letters for images, embeddings that get better along the grid, all by numpy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dmlcore.api.result import LossFacts, Result
from dmlcore.api.values import EpochSummary, LabelledImages
from dmlcore.report.content.material import StudyMaterial, gather
from dmlcore.results.evidence import Evidence, save_evidence
from dmlcore.results.store import EMBEDDINGS, EVIDENCE, UNTRAINED_EVIDENCE, RunFolder, Store, save_tensors
from dmlcore.results.trials import Probe, Trial
from dmlcore_plugins.datasets.glyphs import Glyphs
from results_made import result

DIMS = (32, 64, 128, 256, 512)
SEEDS = (0, 1, 2, 3)
FORMULA = r"L=\frac{1}{B}\sum_i\left[\sum_{y_j=y_i}(1-s_{ij})+\sum_{y_j\neq y_i}\max(0,\,s_{ij}-m)\right]"


def letters(classes: int, each: int) -> LabelledImages:
    """Test images of letters."""
    return Glyphs(classes=2 * classes, images_per_class=each, size=48).load("test")


def drawn_material(
    root: Path,
    images: LabelledImages,
    name: str = "letters_dim",
    dims: tuple[int, ...] = DIMS,
    seeds: tuple[int, ...] = SEEDS,
    question: str = "How many dimensions does an embedding of letters need?",
) -> StudyMaterial:
    """A stored study of the embedding dimension, gathered."""
    store = Store(root)
    runs = {}
    for place, dim in enumerate(dims):
        for seed in seeds:
            run = f"embedding.dim={dim}_seed={seed}_{'0' * 12}"
            runs[f"embedding.dim={dim} seed={seed}"] = run
            _store(store.run(name, run), images, name, question, dim, place / max(1, len(dims) - 1), seed)
    return gather(store, name, question, f'name = "{name}"\n', ("embedding.dim",), runs, images)


def _store(
    folder: RunFolder, images: LabelledImages, study: str, question: str, dim: int, strength: float, seed: int
) -> None:
    folder.partial.mkdir(parents=True)
    vectors = embedded(images.labels, dim, 1.05 - 0.45 * strength**0.5, seed)
    untrained = embedded(images.labels, 64, 2.0, 99)
    evidence = evidence_of(vectors, images)
    save_evidence(folder.partial / EVIDENCE, evidence)
    save_evidence(folder.partial / UNTRAINED_EVIDENCE, evidence_of(untrained, images))
    arrays = {"vectors": vectors, "labels": images.labels}
    save_tensors(folder.partial / EMBEDDINGS, arrays, {"class_names": "\n".join(images.class_names)})
    folder.complete(_result(folder, study, question, dim, strength, seed, evidence))


def embedded(labels: np.ndarray, dim: int, noise: float, seed: int) -> np.ndarray:
    """(N, dim) float32 of length 1: classes around centres, pairs of classes near each other."""
    chance = np.random.default_rng((seed, dim))
    rank = min(dim, 48)
    basis = np.linalg.qr(chance.normal(size=(dim, rank)))[0].T
    centres = chance.normal(size=(labels.max() + 1, rank)) * np.linspace(1.6, 0.4, rank)
    centres[1::2] = 0.35 * centres[1::2] + 0.65 * centres[: len(centres[1::2]) * 2 : 2]
    spread = chance.gamma(3, noise / 3, len(labels))[:, None] * 1.4
    points = (centres[labels] + spread * chance.normal(size=(len(labels), rank))) @ basis
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def evidence_of(vectors: np.ndarray, images: LabelledImages) -> Evidence:
    """The evidence of unit vectors (N, D), by the whole product."""
    labels, count = images.labels, len(vectors)
    cosines = vectors @ vectors.T
    same = labels[:, None] == labels[None]
    apart = ~np.eye(count, dtype=bool)
    edges = np.linspace(-1, 1, 101)
    positive = np.histogram(cosines[same & apart], edges, density=True)[0]
    negative = np.histogram(cosines[~same], edges, density=True)[0]
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :10]
    scales = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False) ** 2
    ranked = labels[order] == labels[:, None]
    precision = np.cumsum(ranked, axis=1) / np.arange(1, 11)
    return Evidence(
        labels=labels,
        class_names=tuple(images.class_names),
        queries={
            "retrieval/recall_at_1": ranked[:, 0].astype(float),
            "retrieval/recall_at_2": ranked[:, :2].any(1).astype(float),
            "retrieval/map_at_r": (precision * ranked).mean(1),
        },
        spectrum=scales / scales.sum(),
        similarity_edges=edges,
        positive_density=positive,
        negative_density=negative,
        neighbors=order.astype(np.int32),
        neighbor_similarities=np.take_along_axis(cosines, order, 1).astype(np.float32),
    )


def _result(
    folder: RunFolder, study: str, question: str, dim: int, strength: float, seed: int, evidence: Evidence
) -> Result:
    chance = np.random.default_rng((seed, dim))
    metrics = {name: float(values.mean()) for name, values in evidence.queries.items()}
    metrics["clustering/nmi"] = 0.6 + 0.3 * metrics["retrieval/map_at_r"]
    baseline = {
        "retrieval/recall_at_1": 0.13,
        "retrieval/recall_at_2": 0.19,
        "retrieval/map_at_r": 0.04,
        "clustering/nmi": 0.41,
    }
    held = evidence.spectrum[evidence.spectrum > 0]
    rank = float(np.exp(-(held * np.log(held)).sum()))
    return result(
        study=study,
        question=question,
        run=folder.final.name,
        seed=seed,
        point={"embedding.dim": dim},
        settings={"loss": {"use": "contrastive"}, "training": {"batch_size": 100, "epochs": 12}},
        metrics=metrics,
        baseline=baseline,
        headline=tuple(metrics),
        curve=tuple(_epoch(epoch, metrics, baseline, strength, chance) for epoch in range(13)),
        seconds=60.0 + dim / 8 + chance.normal(0, 4),
        peak_memory=int(6e8 + dim * 4e5),
        loss=LossFacts("contrastive", FORMULA, margin=0.5, margin_axis="cosine"),
        geometry={
            "effective_rank": rank,
            "dimensions_for_90_percent": float(np.searchsorted(np.cumsum(held), 0.9) + 1),
            "distance_ratio": 0.7 - 0.3 * strength + chance.normal(0, 0.01),
            "similarity_overlap": 0.12 - 0.08 * strength + chance.normal(0, 0.003),
            "hubness": 1.2 + chance.normal(0, 0.1),
        },
        baseline_geometry={"effective_rank": 9.0, "distance_ratio": 1.1, "similarity_overlap": 0.39, "hubness": 2.4},
        warnings=("test: clustering: one class has a single image and is left out.",),
    )


def _epoch(
    epoch: int, metrics: Mapping[str, float], baseline: Mapping[str, float], strength: float, chance: Any
) -> EpochSummary:
    grown = 1 - np.exp(-epoch / 3)
    measured = {
        name: baseline[name] + (value - baseline[name]) * grown + chance.normal(0, 0.006) * (0 < epoch < 12)
        for name, value in metrics.items()
    }
    if epoch == 0:
        return EpochSummary(0, None, None, 1.0, None, test=baseline)
    diagnostics = {
        "mean_cosine": 0.3,
        "coverage": 1.0,
        "zero_loss_steps": 0.0,
        "gradient_norm": 2.5 * np.exp(-epoch / 6) + chance.normal(0, 0.05) + 0.3,
        "positive_similarity": 0.4 + 0.5 * grown,
        "negative_similarity": 0.3 * (1 - grown) + 0.02,
        "similarity_overlap": 0.4 * np.exp(-epoch / 3) + 0.02 + 0.03 * (1 - strength),
        "active_positive_pairs": 1.0,
        "active_negative_pairs": 0.3 * np.exp(-epoch / 4) + 0.02,
    }
    loss = 1.2 * np.exp(-epoch / 4) + 0.3 - 0.1 * strength + chance.normal(0, 0.01)
    return EpochSummary(epoch, float(loss), 1e-3, 9.0, 800.0, test=measured, diagnostics=diagnostics)


def drawn_probe() -> Probe:
    """A probe of batch sizes in which every regime occurs."""
    found = {
        1: ("undefined", None),
        2: ("undefined", None),
        3: ("undefined", None),
        5: ("degenerate", (-0.05, -0.08, -0.02)),
        6: ("weak", (0.02, -0.01, 0.05)),
        10: ("weak", (0.15, 0.1, 0.2)),
        20: ("fine", (0.5, 0.44, 0.55)),
        40: ("fine", (0.62, 0.57, 0.67)),
        80: ("fine", (0.68, 0.63, 0.72)),
        160: ("fine", (0.66, 0.62, 0.7)),
    }
    trials = []
    for size, (regime, gain) in found.items():
        figures = {} if gain is None else dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
        if gain is not None:
            figures["gradient_norm"] = 0.1 * size**0.5
        trials.append(Trial(size, regime, ("A reason with 1 figure.",), figures, gain is not None and gain[1] > 0))  # type: ignore[arg-type]
    return Probe(
        study="letters_batch",
        path="training.batch_size",
        metric="retrieval/map_at_r",
        steps=40,
        trials=tuple(trials),
        smallest_that_runs=5,
        smallest_that_learns=10,
        largest_that_fits=None,
        conclusions=("The smallest batch that runs has 5 images.",),
        settings={},
        environment={},
        fingerprint="0" * 64,
    )
