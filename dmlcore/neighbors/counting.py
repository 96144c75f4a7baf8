"""The work of one process: its share of the tiles to sweep, and of the queries to rank densely."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from dmlcore.neighbors.dense import count_dense
from dmlcore.neighbors.factors import ROWS, Precision
from dmlcore.neighbors.pairing import Pairing, runs
from dmlcore.neighbors.products import Products, bfloat16_pays, true_float32
from dmlcore.neighbors.ranking import PerQuery
from dmlcore.neighbors.shards import FirstPass, OnProgress, Shard, Share
from dmlcore.neighbors.similarity import Indices
from dmlcore.neighbors.sweep import Sweep
from dmlcore.neighbors.thresholds import Counts, Thresholds

FOLLOWED = 2**24
"""Maximum number of thresholds in a sweep, at 24 bytes each."""

SPARSE = 1 / 64
"""Queries with a class of a larger share of the gallery are ranked densely."""

SURELY_SPARSE = 64
"""Classes up to this size are swept in any gallery."""

FAR_FEWER = 300
"""Gallery items per threshold from which bfloat16 leaves few enough pairs undecided to be faster."""


def count_share(
    pairing: Pairing, share: Share, *, block_size: int, first_pass: FirstPass, device: str, progress: OnProgress | None
) -> Shard:
    """Rank the class of each query within the given share of the work."""
    relevant = pairing.relevant()
    swept = np.zeros_like(relevant)
    if first_pass != "float64":
        sparse = max(SURELY_SPARSE, int(len(pairing.gallery) * SPARSE))
        most = min(sparse, max(1, FOLLOWED // len(pairing.queries)))
        swept = np.where(relevant <= most, relevant, 0)
    block_size += -block_size % ROWS
    dense = share.of(list(runs(np.flatnonzero(relevant > swept), relevant, block_size, block_size**2 // 4)))
    scores: list[tuple[PerQuery, PerQuery]] = []
    with true_float32():
        sweep = None
        if swept.any():
            products = Products.of(pairing.similarity, _precision(pairing, swept, first_pass, device), device)
            sweep = Sweep.of(pairing, products, swept, block_size)
        tiles = share.of(sweep.tiles()) if sweep else []
        steps = chain(sweep.count(tiles) if sweep else (), _rank_densely(pairing, dense, relevant, scores))
        for done, _ in enumerate(steps, 1):
            if progress:
                progress(done, len(tiles) + len(dense))
    against, in_favor = (PerQuery.joined(part) for part in zip(*scores, strict=True)) if scores else (None, None)
    nothing = np.zeros(0, np.int64)
    return Shard(
        share,
        relevant,
        int(pairing.gallery.weights.sum()) - pairing.leave_one_out,
        pairing.queries.inverse,
        swept,
        sweep.thresholds.strictly if sweep else nothing,
        sweep.thresholds.at_least if sweep else nothing,
        np.concatenate([nothing, *dense]),
        against,
        in_favor,
    )


def _rank_densely(
    pairing: Pairing, blocks: list[Indices], relevant: Counts, scores: list[tuple[PerQuery, PerQuery]]
) -> Iterator[None]:
    """Append the metrics of each block of queries, with ties counted against them and in favor of them."""
    for rows in blocks:
        thresholds = Thresholds.of(pairing.thresholds(rows)[0], relevant[rows])
        count_dense(pairing, thresholds, rows, np.arange(len(rows)), slice(0, len(pairing.gallery)))
        counts = (thresholds.at_least, thresholds.strictly)
        against, in_favor = (PerQuery.of(count, thresholds.relevant) for count in counts)
        scores.append((against, in_favor))
        yield


def _precision(pairing: Pairing, swept: Counts, first_pass: FirstPass, device: str) -> Precision:
    if first_pass in ("bfloat16", "float32"):
        return first_pass
    far_fewer = len(pairing.gallery) > FAR_FEWER * swept.sum() / np.count_nonzero(swept)
    return "bfloat16" if far_fewer and bfloat16_pays(device) else "float32"
