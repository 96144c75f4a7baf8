"""Made-up results, in one place: a result, a probe, and studies stored as their runs would have stored them.

`made_material` has a known truth: how good each point of the grid is. `drawn_material` has letters for images and
embeddings that improve along the grid. Both are numpy alone; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve, frozen

from dmlcore.api.result import LossFacts, Result
from dmlcore.api.values import EpochSummary, LabelledImages
from dmlcore.report.content.material import StudyMaterial, gather
from dmlcore.report.front import Front
from dmlcore.report.page import Report, StudyPage
from dmlcore.results.class_names import CLASS_NAMES, names_to_text
from dmlcore.results.evidence import Evidence, save_evidence
from dmlcore.results.proxies import Proxies, save_proxies
from dmlcore.results.store import EMBEDDINGS, EVIDENCE, PROXIES, UNTRAINED_EVIDENCE, Store, save_tensors
from dmlcore.results.trials import Probe, Regime, Rule, Trial
from dmlcore.text import point_label
from dmlcore_plugins.datasets.glyphs import Glyphs

RECALL = "retrieval/recall_at_1"
RECALL_2 = "retrieval/recall_at_2"
MAP = "retrieval/map_at_r"
NMI = "clustering/nmi"
HEADLINE = (RECALL, RECALL_2, MAP, NMI)

CONTRASTIVE = LossFacts("contrastive")
FORMULA = r"L=\frac{1}{B}\sum_i\left[\sum_{y_j=y_i}(1-s_{ij})+\sum_{y_j\neq y_i}\max(0,\,s_{ij}-m)\right]"

Figures = Callable[[Mapping[str, Any]], Mapping[str, float]]


def result(**values: Any) -> Result:
    """A result with some values given, the others plausible."""
    metrics = values.get("metrics", {RECALL: 0.5, "retrieval/lone_queries": 2.0})
    baseline = values.get("baseline", {RECALL: 0.25})
    curve = (
        EpochSummary(0, None, None, 1.0, None, test=baseline),
        EpochSummary(1, 0.75, 1e-4, 9.0, 120.0, test=metrics, diagnostics={"coverage": 1.0}),
    )
    defaults: dict[str, Any] = {
        "study": "margins",
        "question": "Which margin?",
        "run": "run",
        "fingerprint": "0" * 64,
        "seed": 0,
        "point": {},
        "settings": {"loss": {"use": "triplet"}},
        "versions": {"torch": "2.9"},
        "protocol": protocol(5864, 5924, 100),
        "metrics": metrics,
        "baseline": baseline,
        "headline": (RECALL,),
        "curve": curve,
        "seconds": 10.0,
        "environment": {"device": "cpu", "threads": 1},
    }
    return Result(**(defaults | values))


def protocol(train: int, test: int, classes: int, **values: Any) -> dict[str, Any]:
    """The protocol of a run on so many images, and classes a split."""
    return {
        "train_images": train,
        "train_classes": classes,
        "test_images": test,
        "test_classes": classes,
        "epochs": 1,
        "epoch": 1,
        "selected_by": "last epoch",
        "weights": "random",
        "pooling": "avg",
        "batchnorm": "statistics frozen",
    } | values


RULE = Rule(
    sampler="m_per_class",
    loss="contrastive",
    needs_positives=True,
    needs_negatives=True,
    samples_per_class=5,
    classes=100,
    smallest=10,
    below="training.batch_size = 9 is not a multiple of 5. Use another batch size, or another samples_per_class.",
    multiples=True,
    largest=500,
)
"""The rule of pairs in balanced batches: 10, 15, 20 … 500 images."""


def made_probe(trials: Sequence[Trial], **values: Any) -> Probe:
    """A probe of batch sizes."""
    defaults: dict[str, Any] = {
        "study": "made",
        "path": "training.batch_size",
        "metric": RECALL,
        "steps": 60,
        "trials": tuple(trials),
        "largest_that_fits": None,
        "settings": {"sampler": {"use": "m_per_class"}},
        "environment": {},
        "fingerprint": "0" * 64,
        "rule": RULE,
    }
    return Probe(**(defaults | values))


@frozen
class MadeRun:
    """What a run leaves in its folder."""

    result: Result
    """Its study, run and question are set when it is stored."""
    evidence: Evidence | None = None
    untrained: Evidence | None = None
    vectors: np.ndarray | None = None
    proxies: Proxies | None = None


def stored(
    folder: Path,
    name: str,
    question: str,
    points: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    run: Callable[[Mapping[str, Any], int], MadeRun],
    images: LabelledImages | None = None,
) -> StudyMaterial:
    """Store the runs of a study, and gather them as a report does."""
    store = Store(folder)
    runs = {}
    for point in points:
        for seed in seeds:
            label = f"{point_label(point)} seed={seed}"
            runs[label] = f"{label.replace(' ', '_').replace('/', '-')}_{'0' * 12}"
            _store(store, name, question, runs[label], run(point, seed))
    varied = tuple(dict.fromkeys(path for point in points for path in point))
    return gather(store, name, question, varied, runs, images)


def _store(store: Store, study: str, question: str, name: str, made: MadeRun) -> None:
    folder = store.run(study, name)
    folder.partial.mkdir(parents=True)
    for file, evidence in ((EVIDENCE, made.evidence), (UNTRAINED_EVIDENCE, made.untrained)):
        if evidence:
            save_evidence(folder.partial / file, evidence)
    if made.vectors is not None and made.evidence:
        arrays = {"vectors": made.vectors, "labels": made.evidence.labels}
        save_tensors(folder.partial / EMBEDDINGS, arrays, {CLASS_NAMES: names_to_text(made.evidence.class_names)})
    if made.proxies:
        save_proxies(folder.partial / PROXIES, made.proxies)
    folder.complete(evolve(made.result, study=study, question=question, run=name))


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
    learns_classes: Callable[[Mapping[str, Any]], bool] = lambda point: False,
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

    def run(point: Mapping[str, Any], seed: int) -> MadeRun:
        trained = _queries(level(point) + generator.normal(0, seed_spread), luck, difficulty, generator)
        base = _queries(untrained, luck, difficulty, np.random.default_rng(99))
        metrics = _means(trained) | {NMI: level(point) + generator.normal(0, 0.003)}
        baseline = _means(base) | {NMI: untrained}
        figures, recorded = (_noisy(of(point), generator) for of in (geometry, diagnostics))
        half = {metric: value - 0.01 for metric, value in metrics.items()}
        made = result(
            seed=seed,
            point=point,
            settings=_merged(
                {"dataset": {"use": "glyphs"}, "loss": {"use": loss.name}, "training": {"batch_size": 20}},
                settings or {},
                _nested(point),
            ),
            protocol=protocol(len(labels), len(labels), classes, transforms={"size": 32}, epochs=2, epoch=2),
            metrics=metrics,
            baseline=baseline,
            headline=HEADLINE,
            curve=(
                EpochSummary(0, None, None, 1.0, None, test=baseline),
                EpochSummary(1, 0.9, 1e-4, 5.0, 100.0, test=half, diagnostics=recorded),
                EpochSummary(2, 0.5, 1e-4, 5.0, 110.0, test=metrics, diagnostics=recorded),
            ),
            seconds=11.0,
            loss=loss,
            geometry=figures,
            baseline_geometry={key: value / 2 for key, value in figures.items()},
            peak_memory=512_000_000,
        )
        found = [_evidence(labels, queries) for queries in (trained, base)] if evidence else [None, None]
        return MadeRun(made, *found, proxies=made_proxies(classes) if learns_classes(point) else None)

    return evolve(stored(folder, "made", "What does it change?", points, seeds, run), **material)


def made_proxies(classes: int, dims: int = 8, apart: float = 0.2, each: int = 1) -> Proxies:
    """Vectors of classes around random class means, `apart` noise away."""
    chance = np.random.default_rng(0)
    means = chance.normal(size=(classes, dims)).astype(np.float32)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    labels = np.repeat(np.arange(classes), each)
    vectors = (means[labels] + apart * chance.normal(size=(len(labels), dims))).astype(np.float32)
    return Proxies(vectors, labels, means, np.full(classes, 30), tuple(f"class {number}" for number in range(classes)))


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


def _merged(*settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the tables of a study merge, one table deep: the last wins."""
    merged: dict[str, Any] = {}
    for table, value in (item for each in settings for item in each.items()):
        both = isinstance(value, Mapping) and isinstance(merged.get(table), Mapping)
        merged[table] = {**merged[table], **value} if both else value
    return merged


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


def report_of(page: StudyPage) -> Report:
    """The report of a single study without a title."""
    return Report(Front(page.name), (page,))


DIMS = (32, 64, 128, 256, 512)
SEEDS = (0, 1, 2, 3)


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
    """A stored study of the embedding dimension."""
    strengths = {dim: place / max(1, len(dims) - 1) for place, dim in enumerate(dims)}

    def run(point: Mapping[str, Any], seed: int) -> MadeRun:
        dim = point["embedding.dim"]
        strength = strengths[dim]
        vectors = embedded(images.labels, dim, 1.05 - 0.45 * strength**0.5, seed)
        evidence = evidence_of(vectors, images)
        untrained = evidence_of(embedded(images.labels, 64, 2.0, 99), images)
        return MadeRun(_drawn(dim, strength, seed, evidence), evidence, untrained, vectors)

    return stored(root, name, question, [{"embedding.dim": dim} for dim in dims], seeds, run, images)


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


def _drawn(dim: int, strength: float, seed: int, evidence: Evidence) -> Result:
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


NO_MULTIPLE = "training.batch_size = {0} is not a multiple of 5: a batch has 5 images of each of its classes. Use {1}."
NO_NEGATIVE = "A batch of 5 images of 1 class has only one class, so the loss has no negative pair. Use a larger one."


def drawn_probe() -> Probe:
    """A probe of batch sizes in which most regimes occur, below, at and above the rule."""
    found: dict[int, tuple[Regime, tuple[float, float, float] | None]] = {
        1: ("impossible", None),
        5: ("collapsed", (-0.05, -0.08, -0.02)),
        9: ("impossible", None),
        10: ("inconclusive", (0.02, -0.01, 0.05)),
        11: ("impossible", None),
        15: ("inconclusive", (0.03, -0.01, 0.07)),
        20: ("weak", (0.15, 0.1, 0.2)),
        40: ("learns", (0.62, 0.57, 0.67)),
        80: ("learns", (0.68, 0.63, 0.72)),
        100: ("learns", (0.66, 0.62, 0.7)),
        500: ("failed", None),
    }
    trials = [_drawn_trial(size, regime, gain) for size, (regime, gain) in found.items()]
    return made_probe(trials, study="letters_batch", metric=MAP)


def _drawn_trial(size: int, regime: Regime, gain: tuple[float, float, float] | None) -> Trial:
    refused = "" if size % 5 == 0 and size > 5 else NO_NEGATIVE if size == 5 else NO_MULTIPLE.format(size, "another")
    if regime == "impossible":
        return Trial(size, regime, (), {}, refused)
    figures = {"positives_per_anchor": 4.0, "negatives_per_anchor": size - 5.0, "steps": 60.0}
    if gain is not None:
        figures |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
        cosine = 0.998 if regime == "collapsed" else 0.4
        figures |= {"gradient_norm": 0.1 * size**0.5, "unseen_cosine_before": 0.9, "unseen_cosine": cosine}
    return Trial(size, regime, (f"A reason with {size} images.",), figures, refused)
