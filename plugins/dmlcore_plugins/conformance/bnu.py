"""bnu-wangxun/Deep_Metric, evaluations/: recall_at_k.py, extract_featrure.py (its similarity), NMI.py; and test.py."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from dmlcore_plugins.conformance import ranked

MOST_DISTANCES = 2_000_000
"""N × classes up to which scikit-learn's ten k-means take seconds, not minutes; CARS-196 has 800,000."""


def compare(vectors: np.ndarray, labels: np.ndarray, recall_at: Sequence[int]) -> ranked.Comparison:
    """Recall@K by the cosine with ties counted in favor of the query, and NMI."""
    blocks = []
    for rows, near in ranked.similarities(vectors, "cosine"):
        nearer = items_above(near, labels, rows)
        blocks.append({f"recall_at_{k}_by_bnu": nearer < k for k in recall_at})
    classes = len(np.unique(labels))
    clustered = len(labels) * classes <= MOST_DISTANCES
    lone = int((ranked.class_sizes(labels) == 1).sum())
    return ranked.Comparison(
        ranked.mean_by_name(blocks) | ({"nmi_by_bnu": nmi(vectors, labels)} if clustered else {}),
        "bnu: Recall@K counts the items that are nearer than the nearest of the class, so ties count in favor of the "
        "query: a collapsed embedding gets 100 %. The query itself remains, with its similarity lowered by 1: "
        f"queries alone in their class ({lone:,} here) are found where fewer than K items have a cosine above 0. NMI "
        "is that of scikit-learn's k-means, the best of 10 starts"
        + ("" if clustered else f" (skipped: too slow for {len(labels):,} samples of {classes:,} classes)"),
    )


def items_above(near: np.ndarray, labels: ranked.Indices, rows: ranked.Indices) -> ranked.Indices:
    """(b,): the number of items nearer than the nearest item of the query's class; near: (b, N) cosines."""
    near = near.copy()
    near[np.arange(len(rows)), rows] -= 1
    own = labels == labels[rows][:, None]
    nearest = np.where(own, near, -np.inf).max(axis=1, keepdims=True)
    return np.asarray((near > nearest).sum(axis=1))


def nmi(vectors: np.ndarray, labels: np.ndarray) -> float:
    """NMI of scikit-learn's k-means, ten starts from seed 0, one cluster per class."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import normalized_mutual_info_score

    k_means = KMeans(n_clusters=len(np.unique(labels)), n_init=10, random_state=0)
    # fewer points than classes, where samples are equal
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        clusters = k_means.fit(vectors).labels_
    return float(normalized_mutual_info_score(labels, clusters))
