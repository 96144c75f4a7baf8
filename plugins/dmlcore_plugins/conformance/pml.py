"""pytorch-metric-learning: its unchanged AccuracyCalculator."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dmlcore_plugins.conformance import ranked

SMALL = 3_000
"""Samples up to which its default, all N - 1 neighbors of each sample, takes less than a gigabyte."""

METRICS = {
    "precision_at_1": "recall_at_1_by_pml",
    "r_precision": "r_precision_by_pml",
    "mean_average_precision_at_r": "map_at_r_by_pml",
    "mean_average_precision": "map_at_r_by_pml_map",
    "mean_reciprocal_rank": "mrr_by_pml",
    "NMI": "nmi_by_pml",
    "AMI": "ami_by_pml",
}
"""Its names → ours. The fourth and fifth depend on the number of neighbors."""

OF_ALL_NEIGHBORS = ("mean_average_precision", "mean_reciprocal_rank")


def compare(vectors: np.ndarray, labels: np.ndarray) -> ranked.Comparison:
    """All metrics of AccuracyCalculator: with all neighbors where the set is small, else with max_bin_count."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import FaissKMeans

    small = len(labels) <= SMALL
    k: Literal["max_bin_count"] | None = None if small else "max_bin_count"
    skipped = () if small else OF_ALL_NEIGHBORS
    # its own k-means; min_points_per_centroid only silences a message on stderr for small classes
    k_means = FaissKMeans(niter=20, min_points_per_centroid=1)
    calculator = AccuracyCalculator(exclude=skipped, k=k, device=torch.device("cpu"), kmeans_func=k_means)
    values = calculator.get_accuracy(vectors, labels)
    merged = len(np.unique(labels)) - len(np.unique(labels.astype(np.float32)))
    return ranked.Comparison(
        {ours: float(values[theirs]) for theirs, ours in METRICS.items() if theirs in values},
        "pml: the same definitions by the Euclidean distance of the vectors as they are, in float32: faiss decides the "
        "order of items that differ by less than its rounding. It has no Recall@K beyond K = 1. "
        f"Labels become float32, which merges classes with numbers above 2^24 ({merged:,} classes here)"
        + ("; mean_average_precision is over all neighbors, not the R nearest" if small else ""),
    )
