"""Evaluator `conformance`: the same metrics by the definitions of other codebases."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import ClassVar

from attrs import frozen

from dmlcore import DataError, Embeddings, EvaluatorConfig, MetricWarning, hookimpl, option


@frozen
class Conformance(EvaluatorConfig):
    """The definitions of other codebases on the same embeddings; `dmlcore metrics --conformance` shows them.

    A metric is named <metric of dmlcore>_by_<codebase>, for comparison with the evaluators `retrieval` and
    `clustering`; a note for each codebase explains its definition, and what matters on this data.

    - pml: pytorch-metric-learning's AccuracyCalculator itself, with its default k up to 3,000 samples, else with
      k = "max_bin_count".
    - roth: Roth et al., "Revisiting Training Strategies and Generalization Performance in Deep Metric Learning",
      2020: Recall@K, NMI; roth_map_c, (1/n) Σ_{i ≤ n} P(i)·rel(i) with n the size of the class, and roth_map_lim,
      the sum over i ≤ 1023.
    - bnu: bnu-wangxun/Deep_Metric: Recall@K as the share of queries with fewer than K items nearer than the nearest of
      the class; NMI of scikit-learn's k-means.
    - oml: open-metric-learning: cmc@K; oml_map, (1/n_k) Σ_{i ≤ k} P(i)·rel(i) with n_k the items found; oml_precision,
      items found / min(k, R); both with k the largest R.
    - proxy_anchor: Kim et al., "Proxy Anchor Loss for Deep Metric Learning", 2020: Recall@K.

    All but the first are reimplemented from their formulas, in float64; where a sorting routine decides the order of
    ties, the lower index comes first. Every sample is ranked against all others.
    Raises DataError for a gallery, and for more samples than `limit`.
    """

    name = "conformance"
    headline = ("map_at_r_by_pml",)
    libraries: ClassVar[tuple[str, ...]] = ("pytorch-metric-learning", "faiss-cpu", "scikit-learn")
    recall_at: tuple[int, ...] = option((1, 8), help="each K for which Recall@K is compared", ge=1)
    limit: int = option(
        20_000,
        help="most samples to compare: the definitions sort all neighbors, and pytorch-metric-learning needs memory "
        "for classes × samples",
        ge=2,
        unit="samples",
    )

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, float]:
        import numpy as np

        from dmlcore.neighbors import checked_labels, checked_vectors
        from dmlcore_plugins.conformance import bnu, open_metric_learning, pml, proxy_anchor, roth

        if gallery is not None:
            raise DataError("conformance: the definitions rank each sample against all others. Remove the gallery.")
        if len(queries) > self.limit:
            raise DataError(
                f"conformance: {len(queries):,} samples exceed the limit of {self.limit:,}; the comparison would take "
                "many minutes and gigabytes. Use fewer classes, or raise conformance.limit."
            )
        vectors = np.require(checked_vectors(queries.vectors, "vectors", nonzero=True), np.float32, ["C"])
        labels = checked_labels(queries.labels, len(vectors))
        recall_at = [k for k in self.recall_at if k < len(queries)]
        others = (roth, bnu, open_metric_learning, proxy_anchor)
        compared = [pml.compare(vectors, labels), *(each.compare(vectors, labels, recall_at) for each in others)]
        notes = [comparison.note for comparison in compared]
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
            notes.insert(
                0,
                "the vectors do not have unit length: pml, roth and oml rank by their Euclidean distance, bnu and "
                "proxy_anchor by the cosine",
            )
        for note in notes:
            warnings.warn(note, MetricWarning, stacklevel=2)
        return {name: value for comparison in compared for name, value in comparison.metrics.items()}


@hookimpl
def dmlcore_register_evaluators() -> list[type[EvaluatorConfig]]:
    return [Conformance]
