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

from dmlcore.neighbors.agreement import Agreement as Agreement
from dmlcore.neighbors.agreement import agreement as agreement
from dmlcore.neighbors.kmeans import k_means as k_means
from dmlcore.neighbors.ranking import PerQuery as PerQuery
from dmlcore.neighbors.ranking import Ranking as Ranking
from dmlcore.neighbors.ranking import Ties as Ties
from dmlcore.neighbors.search import rank as rank
from dmlcore.neighbors.search import rank_shard as rank_shard
from dmlcore.neighbors.search import top_k as top_k
from dmlcore.neighbors.shards import FirstPass as FirstPass
from dmlcore.neighbors.shards import OnProgress as OnProgress
from dmlcore.neighbors.shards import Shard as Shard
from dmlcore.neighbors.shards import merge as merge
from dmlcore.neighbors.similarity import Distance as Distance
from dmlcore.neighbors.vectors import VectorError as VectorError
from dmlcore.neighbors.vectors import checked_labels as checked_labels
from dmlcore.neighbors.vectors import checked_vectors as checked_vectors

Progress = OnProgress
"""The former name of `OnProgress`."""
