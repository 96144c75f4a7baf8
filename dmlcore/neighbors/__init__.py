"""Exact retrieval metrics on plain arrays: no study, no GPU, never an (N, N) matrix.

    from dmlcore.neighbors import rank

    ranking = rank(vectors, labels)                                       # each against all others
    ranking = rank(queries, query_labels, gallery, gallery_labels)        # or against a gallery
    ranking.recall_at(1), ranking.map_at_r(), ranking.recall_at(1, ties="optimistic")

Every number is that of float64 arithmetic, whatever the order of the samples and the size of the blocks.
"""

from dmlcore.neighbors.ranking import PerQuery, Ranking, Ties
from dmlcore.neighbors.search import rank
from dmlcore.neighbors.similarity import Distance
from dmlcore.neighbors.vectors import VectorError, checked_labels, checked_vectors

__all__ = [
    "Distance",
    "PerQuery",
    "Ranking",
    "Ties",
    "VectorError",
    "checked_labels",
    "checked_vectors",
    "rank",
]
