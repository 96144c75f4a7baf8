"""Studies drawn with a known truth, and the causal sentences of their explanations that are not true.

A study's embeddings are drawn: classes with centers, images with offsets that all runs share, and for each run its own
quality, its own shift of every class (the interaction of class and seed) and its own noise. The metrics per query are
computed from them. What runs record follows their metric over all runs, so that by chance it changes with the metric
along a grid as well. Nothing is trained or stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import field, frozen

from dmlcore.api.blocks import Block, Table, Text
from dmlcore.api.result import LossFacts, Result
from dmlcore.api.values import EpochSummary
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.quantities import label
from dmlcore.report.explanation import explain
from dmlcore.report.explanation.answer import Answer, answer_of
from dmlcore.report.explanation.claims import NOT_SHOWN, Claim
from dmlcore.report.explanation.findings import Findings, findings_of
from dmlcore.report.explanation.mechanisms import mechanisms_of
from dmlcore.results.evidence import Evidence
from dmlcore.results.store import EVIDENCE, UNTRAINED_EVIDENCE
from sample_results import CONTRASTIVE, FORMULA, HEADLINE, MAP, NMI, RECALL, RECALL_2, protocol, result

Floats = npt.NDArray[np.float64]

IMAGES = {20: 15, 50: 8, 100: 6}
"""Classes of a test set → images of each."""

AXES = 12
"""Dimensions in which embeddings are drawn, at every nominal dimension."""

R_PRECISION = "retrieval/r_precision"

LOSSES = (
    {"use": "contrastive", "margin": 0.5},
    {"use": "triplet", "margin": 0.1, "miner": {"use": "semihard"}},
    {"use": "triplet", "margin": 0.1, "miner": {"use": "all"}},
    {"use": "proxy_anchor", "margin": 0.1},
)

GRIDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "dimension": {"embedding.dim": (32, 64, 128, 256, 512, 1024)},
    "margin": {"loss.margin": (0.1, 0.3, 0.5, 0.7, 0.9)},
    "batch size": {"training.batch_size": (20, 40, 80, 160)},
    "losses": {"loss": LOSSES},
    "two paths": {"optimizer.learning_rate": (0.001, 0.01), "embedding.dim": (64, 128, 256)},
    "no grid": {},
}

GEOMETRY = {
    "effective_rank": 9.0,
    "dimensions_for_90_percent": 20.0,
    "positive_similarity": 0.6,
    "negative_similarity": 0.1,
    "similarity_overlap": 0.1,
    "distance_ratio": 0.8,
    "hubness": 1.5,
    "alignment": 0.8,
    "uniformity": -2.0,
}
DIAGNOSTICS = {
    "positive_similarity": 0.7,
    "negative_similarity": 0.1,
    "similarity_overlap": 0.05,
    "active_negative_pairs": 0.3,
    "active_positive_pairs": 0.9,
    "active_triplets": 0.2,
    "zero_loss_steps": 0.1,
    "gradient_norm": 1.5,
    "mean_cosine": 0.2,
    "proxy_similarity": 0.5,
}
"""Name of a recorded quantity → its mean."""


@frozen(eq=False)
class Truth:
    """How a study is drawn."""

    grid: Mapping[str, Sequence[Any]]
    seeds: int = 2
    classes: int = 50
    learns: bool = True
    """Whether training raises the metrics."""
    shuffled: bool = False
    """Whether the labels of the test images are shuffled, so that all metrics are at chance."""
    effects: Mapping[str, Sequence[float]] = field(factory=dict)
    """Path → what each of its values adds to the metrics of every query."""
    seed_noise: float = 0.03
    """The standard deviation of a run's quality; the interaction of class and seed is added."""
    noise: Sequence[float] = ()
    """The noise of seeds at each point of the grid, relative to the usual; empty if it is the usual at all of them."""

    @property
    def points(self) -> list[dict[str, Any]]:
        return [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]

    def effect(self, point: Mapping[str, Any]) -> float:
        """Return what a point adds to the metrics."""
        added = (shifts[list(self.grid[path]).index(point[path])] for path, shifts in self.effects.items())
        return float(sum(added))


@frozen(eq=False)
class SimulatedStudy(StudyMaterial):
    """A study with its evidence in memory."""

    kept: Mapping[tuple[str, str], Evidence] = field(factory=dict, kw_only=True, repr=False)
    """Result.run and file name → evidence."""

    def evidence(self, result: Result, name: str = EVIDENCE) -> Evidence | None:
        return self.kept[result.run, name]


def draw(truth: Truth, chance: Any) -> SimulatedStudy:
    """Draw a study; `chance` seeds the generator."""
    generator = np.random.default_rng(chance)
    test_set = _TestSet.drawn(truth, generator)
    noise = truth.noise or [1.0] * len(truth.points)
    runs = [
        (point, seed, relative)
        for point, relative in zip(truth.points, noise, strict=True)
        for seed in range(truth.seeds)
    ]
    measured = [test_set.run(generator, 1.0, relative) for *_, relative in runs]
    untrained = [test_set.run(generator, 0.4 if truth.learns else 1.0) for _ in range(truth.seeds)]
    luck = np.array([queries[MAP].mean() for queries in measured])
    follows = _Recorded((luck - luck.mean()) / (luck.std() or 1.0), [relative for *_, relative in runs], generator)
    measured = [_shifted(queries, truth.effect(point)) for queries, (point, *_) in zip(measured, runs, strict=True)]
    results, kept = [], {}
    for place, (point, seed, _) in enumerate(runs):
        name = f"run {place}"
        metrics, baseline = (_metrics(queries, generator) for queries in (measured[place], untrained[seed]))
        baseline[NMI] = 0.4 + 0.1 * float(np.modf(997 * baseline[MAP])[0]) / 10  # the same in all runs of a seed
        results.append(_result(name, point, seed, metrics, baseline, follows, place, test_set))
        kept[name, EVIDENCE] = test_set.evidence(measured[place])
        kept[name, UNTRAINED_EVIDENCE] = test_set.evidence(untrained[seed])
    return SimulatedStudy("simulated", "What does it change?", tuple(truth.grid), tuple(results), {}, kept=kept)


@frozen(eq=False)
class _TestSet:
    """N images of C classes, the same for all runs of a study."""

    labels: npt.NDArray[np.int64]
    shown: npt.NDArray[np.int64]
    """The labels that the embeddings follow; others than `labels` if these are shuffled."""
    seed_noise: float
    centers: npt.NDArray[np.float32]
    images: npt.NDArray[np.float32]

    @classmethod
    def drawn(cls, truth: Truth, generator: np.random.Generator) -> _TestSet:
        labels = np.repeat(np.arange(truth.classes), IMAGES[truth.classes])
        centers = _normal(generator, truth.classes) * generator.lognormal(0, 0.35, (truth.classes, 1))
        shuffled = generator.permutation(labels) if truth.shuffled else labels
        return cls(
            shuffled, labels, truth.seed_noise, centers.astype(np.float32), 0.6 * _normal(generator, len(labels))
        )

    def run(self, generator: np.random.Generator, quality: float, noise: float = 1.0) -> dict[str, Floats]:
        """Return metric → (N,), the values per query of a run."""
        own = quality * np.exp(generator.normal(0, self.seed_noise * noise))
        centers = own * self.centers + np.float32(0.25) * _normal(generator, len(self.centers))
        vectors = centers[self.shown] + self.images + np.float32(0.5) * _normal(generator, len(self.labels))
        return retrieval(vectors.astype(np.float32), self.labels)

    def evidence(self, queries: Mapping[str, Floats]) -> Evidence:
        count = len(self.labels)
        shares = np.linspace(2, 1, AXES)
        return Evidence(
            labels=self.labels,
            class_names=tuple(f"class {number}" for number in range(self.labels.max() + 1)),
            queries=queries,
            spectrum=shares / shares.sum(),
            similarity_edges=np.linspace(-1, 1, 5),
            positive_density=np.full(4, 0.5),
            negative_density=np.full(4, 0.5),
            neighbors=np.zeros((count, 1), dtype=np.int32),
            neighbor_similarities=np.zeros((count, 1), dtype=np.float32),
        )


def retrieval(vectors: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> dict[str, Floats]:
    """(N, D), (N,) of classes of one size → metric → (N,): Recall@1 and 2, MAP@R and R-precision by cosine."""
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    relevant = int(np.bincount(labels).max()) - 1
    nearest = np.argpartition(-cosines, relevant, axis=1)[:, :relevant]
    order = np.argsort(-np.take_along_axis(cosines, nearest, 1), axis=1)
    right = labels[np.take_along_axis(nearest, order, 1)] == labels[:, None]
    precision = np.cumsum(right, axis=1) / np.arange(1, relevant + 1)
    return {
        RECALL: right[:, 0].astype(float),
        RECALL_2: right[:, :2].any(1).astype(float),
        MAP: (precision * right).mean(1),
        R_PRECISION: right.mean(1),
    }


@frozen(eq=False)
class _Recorded:
    """Quantities that follow the luck of the runs, each with its own sign and noise."""

    luck: Floats
    """(runs,), the metric of each run in standard deviations."""
    noise: Sequence[float]
    generator: np.random.Generator

    def of(self, run: int, means: Mapping[str, float]) -> dict[str, float]:
        signs = (1 if place % 2 else -1 for place in range(len(means)))
        return {
            name: mean * float(1 + 0.05 * self.noise[run] * (sign * self.luck[run] + self.generator.normal(0, 0.5)))
            for (name, mean), sign in zip(means.items(), signs, strict=True)
        }


def _normal(generator: np.random.Generator, count: int) -> npt.NDArray[np.float32]:
    return generator.standard_normal((count, AXES), dtype=np.float32)


def _shifted(queries: Mapping[str, Floats], by: float) -> dict[str, Floats]:
    return {name: values + by for name, values in queries.items()}


def _metrics(queries: Mapping[str, Floats], generator: np.random.Generator) -> dict[str, float]:
    """The means over queries, and an NMI without values per query."""
    found = {name: float(values.mean()) for name, values in queries.items()}
    return found | {NMI: 0.5 + 0.5 * found[MAP] + generator.normal(0, 0.004)}


def _result(
    name: str,
    point: Mapping[str, Any],
    seed: int,
    metrics: Mapping[str, float],
    baseline: Mapping[str, float],
    follows: _Recorded,
    place: int,
    test_set: _TestSet,
) -> Result:
    diagnostics = [follows.of(place, DIAGNOSTICS) for _ in range(3)]
    count, classes = len(test_set.labels), len(test_set.centers)
    chosen = point.get("loss", {"use": "contrastive"})
    facts = CONTRASTIVE if chosen["use"] == "contrastive" else LossFacts(chosen["use"], FORMULA)
    margin = point.get("loss.margin", 0.5)
    if "loss" not in point:
        facts = LossFacts("contrastive", FORMULA, margin=margin, margin_axis="cosine", margin_kind="threshold")
        chosen = {"use": "contrastive", "margin": margin}
    return result(
        run=name,
        seed=seed,
        point=point,
        settings={
            "dataset": {"use": "glyphs"},
            "loss": chosen,
            "embedding": {"dim": point.get("embedding.dim", 64)},
            "training": {"batch_size": point.get("training.batch_size", 40), "epochs": 3},
            "optimizer": {"use": "adamw", "learning_rate": point.get("optimizer.learning_rate", 0.001)},
            "sampler": {"use": "m_per_class", "samples_per_class": 5},
        },
        protocol=protocol(count, count, classes, epochs=3, epoch=3),
        metrics=metrics,
        baseline=baseline,
        headline=HEADLINE,
        curve=(
            EpochSummary(0, None, None, 1.0, None, test=baseline),
            *(
                EpochSummary(epoch, 0.9 / epoch, 1e-3, 5.0, 100.0, test=metrics, diagnostics=recorded)
                for epoch, recorded in enumerate(diagnostics, 1)
            ),
        ),
        loss=facts,
        geometry=follows.of(place, GEOMETRY),
        baseline_geometry={key: value * (1 + 0.05 * follows.generator.normal()) for key, value in GEOMETRY.items()},
        peak_memory=512_000_000,
    )


CAUSAL = re.compile(
    r"\b(because|explain(?:s|ed)?|leads? to|led to|causes?|caused|which is why|therefore|helps?|helped|matters?"
    r"|improves?|improved|hurts?|thanks to|due to|results? in|so that)\b",
    re.IGNORECASE,
)
"""Words of causal sentences."""

DENIED = re.compile(
    rf"{NOT_SHOWN}|can't be (?:shown|decided|tested|ranked)|is not (?:shown|a cause)"
    "|[Nn]othing|[Nn]one of|no effect|may "
)
"""Words of sentences that claim nothing."""


def false_claims(study: SimulatedStudy, truth: Truth) -> list[str]:
    """Return the claims that are shown and not true."""
    findings = findings_of(study)
    assert findings is not None
    return list(_false(findings, study, truth))


def _false(findings: Findings, study: StudyMaterial, truth: Truth) -> Iterator[str]:
    if findings.training is not None and findings.training.shown and not truth.learns:
        yield findings.training.sentence
    for path, claim in findings.claims.items():
        if claim.shown and path not in truth.effects:
            yield claim.sentence
    for path, mechanism in mechanisms_of(study, findings).items():
        yield from (claim.sentence for claim in mechanism.shown if not _about_metric(claim, path, truth))


def _about_metric(claim: Claim, path: str, truth: Truth) -> bool:
    """Whether a claim is about a metric that changes; recorded quantities never do."""
    metrics = tuple(label(name) for name in (*HEADLINE, R_PRECISION))
    return path in truth.effects and all(test.what.startswith(metrics) for test in claim.tests)


def causal_sentences(study: SimulatedStudy, truth: Truth) -> list[str]:
    """Return the sentences with causal words, without denials, expectations and, if training helps, that it does."""
    answer = answer_of(study)
    found = [
        sentence for text in _texts([*explain(study)], answer) for sentence in re.split(r"(?<=\.) (?=[A-Z])", text)
    ]
    training = re.compile(r"[Tt]raining (?:helped|improves)")
    return [
        sentence
        for sentence in found
        if CAUSAL.search(sentence) and not DENIED.search(sentence) and not (truth.learns and training.search(sentence))
    ]


def _texts(blocks: Sequence[Block], answer: Answer | None) -> Iterator[str]:
    if answer is not None:
        yield from (answer.verdict, answer.figures, answer.reason)
    for block in blocks:
        if isinstance(block, Text):
            yield block.text
        if isinstance(block, Table):
            shown = [place for place, heading in enumerate(block.header) if heading != "expectation"]
            yield from (row[place] for row in block.rows for place in shown)
            yield from (block.caption, *block.notes)
