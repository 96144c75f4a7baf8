"""Confusezius/Revisiting_Deep_Metric_Learning_PyTorch (Roth et al., 2020), metrics/.

e_recall.py, mAP_c.py, mAP_lim.py, nmi.py, and the neighbors and k-means of metrics/__init__.py. For sets of at most
1,023 samples, the original mAP_lim requests one neighbor too many from faiss and reads the missing one as the last
sample; this is not reproduced here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dmlcore_plugins.conformance import ranked

LIMIT = 1023
"""The most neighbors that faiss returns on a GPU."""


def compare(vectors: np.ndarray, labels: np.ndarray, recall_at: Sequence[int]) -> ranked.Comparison:
    """Recall@K, mAP_c, mAP_lim by the Euclidean distance, and NMI."""
    sizes = ranked.class_sizes(labels)
    blocks, strays = [], 0
    for rows, order in ranked.rankings(vectors, "l2"):
        hits = ranked.without_the_first(labels, rows, order)
        strays += int((order[:, 0] != rows).sum())
        block = {f"recall_at_{k}_by_roth": ranked.found_among(hits, k) for k in recall_at}
        block["map_at_r_by_roth_map_c"] = map_c(hits, sizes[rows])
        block["map_at_r_by_roth_map_lim"] = map_lim(hits, sizes[rows])
        blocks.append(block)
    lone = int((sizes == 1).sum())
    perfect = float((1 - 1 / sizes).mean())
    return ranked.Comparison(
        ranked.mean_by_name(blocks) | {"nmi_by_roth": nmi(vectors, labels)},
        "roth: all retrieval excludes the nearest item instead of the query itself, which remains where a duplicate "
        f"comes first ({strays:,} of {len(labels):,} queries here); queries alone in their class count as misses "
        f"({lone:,} here). mAP_c counts the query in the size of its class: a perfect embedding gets {perfect:.4f} "
        f"here. mAP_lim uses the {LIMIT:,} nearest instead of the R nearest, and divides by the same size. NMI "
        "fits k-means to all samples, where faiss's default takes 256 per cluster, and has one cluster per training "
        "class (here: per class)",
    )


def map_c(hits: ranked.Hits, sizes: ranked.Indices) -> np.ndarray:
    """(b,): (1/n) Σ_{i ≤ n} P(i)·rel(i), with n the size of the query's class, the query itself counted."""
    hits = hits[:, : sizes.max()]
    inside = np.arange(1, hits.shape[1] + 1) <= sizes[:, None]
    return np.asarray((ranked.precision_at_hits(hits) * inside).sum(axis=1) / sizes)


def map_lim(hits: ranked.Hits, sizes: ranked.Indices) -> np.ndarray:
    """(b,): (1/n) Σ_{i ≤ 1023} P(i)·rel(i)."""
    return np.asarray(ranked.precision_at_hits(hits[:, :LIMIT]).sum(axis=1) / sizes)


def nmi(vectors: np.ndarray, labels: np.ndarray) -> float:
    """NMI of faiss's k-means, 20 iterations over all samples, one cluster per class."""
    import torch  # noqa: F401  both bring an OpenMP library; on macOS torch's must be loaded first
    import faiss  # isort: skip
    from sklearn.metrics import normalized_mutual_info_score

    clusters = len(np.unique(labels))
    k_means = faiss.Kmeans(
        vectors.shape[1], clusters, niter=20, min_points_per_centroid=1, max_points_per_centroid=10**9
    )
    k_means.train(vectors)
    _, assigned = k_means.assign(vectors)
    return float(normalized_mutual_info_score(assigned, labels))
