"""Evaluator `clustering`: how well k-means clusters match the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from dmlcore import Embeddings, EvaluatorConfig, hookimpl, option, report_progress

if TYPE_CHECKING:
    import numpy as np

    from dmlcore.neighbors import OnProgress

FIRST_SEED = 1234
"""The default of faiss, and therefore the seed of pytorch-metric-learning's NMI."""

ITERATIONS = 20
"""As in pytorch-metric-learning; the default of faiss is 25."""

MANY_CLUSTERS = 1000
"""From this number on, `dmlcore.neighbors.k_means` is faster than faiss."""

SAMPLES_A_CLUSTER = 256
"""The most samples per cluster that faiss fits the centers to."""


@frozen
class Clustering(EvaluatorConfig):
    """NMI and AMI between k-means clusters and the classes.

    Clusters the queries as they are, without the gallery, by the Euclidean k-means of faiss, with one cluster per
    class and 20 iterations from a random choice of samples; with more than 256 samples per cluster, faiss fits the
    centers to a random part of them. From 1000 classes on, `dmlcore.neighbors.k_means` computes the same clusters from
    the same choice of samples, several times faster.

    With classes Y, clusters C, entropy H and mutual information I (natural logarithms):

    - NMI = 2·I(Y, C) / (H(Y) + H(C)), the arithmetic mean (Vinh et al., "Information Theoretic Measures for
      Clusterings Comparison", JMLR 2010, table 2, NMI_sum);
    - AMI = (I − E[I]) / ((H(Y) + H(C)) / 2 − E[I]), which is about 0 for chance (ibid., AMI_sum).

    `dmlcore.neighbors.agreement` computes both.

    `nmi` and `ami` are those of seed 1234, as from pytorch-metric-learning's AccuracyCalculator. The values depend
    on the seed, so `nmi_mean`, `nmi_std` (of the sample, n − 1), `ami_mean` and `ami_std` are over `seeds` runs; with
    one seed there is no std. Compare means.

    A class with one sample counts like any other. A sample equally near to two centers belongs to one of them.
    Raises VectorError for NaN or infinite embeddings, ValueError for fewer than two classes, or as many classes as
    samples, where any embedding has an NMI of 1.

    >>> import numpy as np
    >>> vectors = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], dtype=np.float32)
    >>> Clustering(seeds=1).evaluate(Embeddings(vectors, np.array([0, 0, 1, 1])))
    {'nmi': 1.0, 'ami': 1.0, 'nmi_mean': 1.0, 'ami_mean': 1.0}
    """

    name = "clustering"
    headline = ("nmi",)
    libraries: ClassVar[tuple[str, ...]] = ("faiss-cpu",)
    seeds: int = option(5, help="number of k-means runs for means and deviations, with seeds 1234, 1235, …", ge=1)

    def check(self, labels: np.ndarray) -> Sequence[str]:
        """Raise ValueError for labels of one class, or as many classes as samples."""
        classes = len(set(labels.tolist()))
        if classes == 1:
            raise ValueError(f"all {len(labels):,} samples have one class: NMI and AMI need at least two classes")
        if classes == len(labels):
            raise ValueError(
                f"each of the {len(labels):,} samples has a different class, so that NMI is 1 for any embedding: "
                "NMI needs fewer classes than samples"
            )
        return ()

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, float]:
        import numpy as np

        from dmlcore.neighbors import checked_labels, checked_vectors

        vectors = checked_vectors(queries.vectors, "queries").astype(np.float32, copy=False)
        labels = checked_labels(queries.labels, len(vectors), "labels of queries")
        self.check(labels)
        runs = [self._agreement(vectors, labels, number) for number in range(self.seeds)]
        metrics = dict(runs[0])
        for measure in runs[0]:
            values = [run[measure] for run in runs]
            metrics[f"{measure}_mean"] = float(np.mean(values))
            if self.seeds > 1:
                metrics[f"{measure}_std"] = float(np.std(values, ddof=1))
        return metrics

    def _agreement(self, vectors: np.ndarray, labels: np.ndarray, number: int) -> dict[str, float]:
        """NMI and AMI of labels (N,) with one k-means clustering of vectors (N, D) float32."""
        from dmlcore.neighbors import agreement

        steps = self.seeds * ITERATIONS
        clusters = _k_means(
            vectors,
            len(set(labels.tolist())),
            FIRST_SEED + number,
            lambda done, _: report_progress(number * ITERATIONS + done, steps),
        )
        report_progress((number + 1) * ITERATIONS, steps)
        found = agreement(labels, clusters)
        return {"nmi": found.nmi, "ami": found.ami}


def _k_means(vectors: np.ndarray, clusters: int, seed: int, progress: OnProgress | None = None) -> np.ndarray:
    """(N,): the cluster of each vector."""
    import torch  # noqa: F401  both bring an OpenMP library; on macOS torch's must be loaded first
    import faiss  # isort: skip
    import numpy as np

    from dmlcore import neighbors

    if clusters >= MANY_CLUSTERS and len(vectors) <= SAMPLES_A_CLUSTER * clusters:
        order = np.empty(len(vectors), np.int32)  # faiss starts from the first samples of a permutation
        faiss.rand_perm(faiss.swig_ptr(order), len(vectors), seed + 1)  # type: ignore[attr-defined]
        return neighbors.k_means(vectors, order[:clusters], iterations=ITERATIONS, progress=progress)
    # min_points_per_centroid only silences a message on stderr for small classes; it changes no number
    k_means = faiss.Kmeans(vectors.shape[1], clusters, niter=ITERATIONS, seed=seed, min_points_per_centroid=1)
    k_means.train(vectors)
    _, assigned = k_means.assign(vectors)
    return assigned


@hookimpl
def dmlcore_register_evaluators() -> list[type[EvaluatorConfig]]:
    return [Clustering]
