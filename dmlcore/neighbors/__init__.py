"""Exact metrics of retrieval and clustering on plain arrays: no study, no GPU, never an (N, N) matrix.

    from dmlcore.neighbors import agreement, k_means, rank, top_k

    ranking = rank(vectors, labels)                                       # each against all others
    ranking = rank(queries, query_labels, gallery, gallery_labels)        # or against a gallery
    ranking.recall_at(1), ranking.map_at_r(), ranking.recall_at(1, ties="optimistic")

    indices, cosines = top_k(vectors, 10)                                 # the 10 nearest others of each
    agreement(labels, k_means(vectors, initial)).nmi

All results are those of float64 arithmetic. They do not depend on the order of the samples, the block size, or the
number of threads and processes (`rank_shard`, `merge`). torch is loaded by the first call that needs it.
"""

from dmlcore.neighbors.agreement import Agreement, agreement
from dmlcore.neighbors.kmeans import k_means
from dmlcore.neighbors.ranking import PerQuery, Ranking, Ties
from dmlcore.neighbors.search import rank, rank_shard, top_k
from dmlcore.neighbors.shards import FirstPass, OnProgress, Shard, merge
from dmlcore.neighbors.similarity import Distance
from dmlcore.neighbors.vectors import VectorError, checked_labels, checked_vectors

Progress = OnProgress
"""The former name of `OnProgress`."""

__all__ = [
    "Agreement",
    "Distance",
    "FirstPass",
    "OnProgress",
    "PerQuery",
    "Progress",
    "Ranking",
    "Shard",
    "Ties",
    "VectorError",
    "agreement",
    "checked_labels",
    "checked_vectors",
    "k_means",
    "merge",
    "rank",
    "rank_shard",
    "top_k",
]
