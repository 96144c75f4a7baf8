"""tjddus9597/Proxy-Anchor-CVPR2020, code/utils.py: `evaluate_cos` and `calc_recall_at_k`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dmlcore_plugins.conformance import ranked


def compare(vectors: np.ndarray, labels: np.ndarray, recall_at: Sequence[int]) -> ranked.Comparison:
    """Recall@K by the cosine: the K + 1 nearest without the first, assumed to be the query itself."""
    blocks, strays = [], 0
    for rows, order in ranked.rankings(vectors, "cosine"):
        hits = ranked.without_the_first(labels, rows, order)
        strays += int((order[:, 0] != rows).sum())
        blocks.append({f"recall_at_{k}_by_proxy_anchor": ranked.found_among(hits, k) for k in recall_at})
    lone = int((ranked.class_sizes(labels) == 1).sum())
    return ranked.Comparison(
        ranked.mean_by_name(blocks),
        "proxy_anchor: Recall@K excludes the nearest item instead of the query itself; where a duplicate comes "
        f"first, the query remains and finds itself ({strays:,} of {len(labels):,} queries here). Queries alone in "
        f"their class count as misses ({lone:,} here). The sorting decides the order of ties",
    )
