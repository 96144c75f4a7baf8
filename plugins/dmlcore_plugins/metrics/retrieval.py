"""Evaluator `retrieval`: how near images of the same class are to each other."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from dmlcore import Embeddings, EvaluatorConfig, MetricWarning, hookimpl, option, report_progress

if TYPE_CHECKING:
    import numpy as np

    from dmlcore.neighbors import Ranking, Ties


@frozen
class Retrieval(EvaluatorConfig):
    """Recall@K, R-precision, MAP@R and mean reciprocal rank, by exact ranking.

    Without a gallery, each image is ranked against all others, itself excluded by its index. For formulas and
    sources, see the methods of `dmlcore.neighbors.Ranking`. The names are recall_at_<K>, r_precision, map_at_r and
    mrr; precision@1 is recall_at_1. Ties count against the query: where that changes a value, <name>_optimistic is
    the value with ties counted in favor of the query. Queries without another image of their class are excluded; their
    number is lone_queries. There is no value for a K above the number of images to rank.

    Classes of queries and gallery are matched by name where both have names, else by number.
    Raises VectorError for NaN, infinite or (by cosine) zero embeddings, ValueError where nothing can be ranked.

    >>> import numpy as np
    >>> vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [0.6, 0.5]], dtype=np.float32)
    >>> Retrieval(recall_at=(1, 2)).evaluate(Embeddings(vectors, np.array([0, 0, 1, 1, 1])))
    {'recall_at_1': 0.8, 'recall_at_2': 0.8, 'r_precision': 0.8, 'map_at_r': 0.8, 'mrr': 0.8666666666666666}
    """

    name = "retrieval"
    headline = ("recall_at_1", "recall_at_2", "map_at_r")
    recall_at: tuple[int, ...] = option((1, 2, 4, 8, 16, 32), help="each K for which Recall@K is reported", ge=1)
    distance: Literal["cosine", "l2", "inner_product"] = option(
        "cosine", help="measure of nearness: the angle, the Euclidean distance, or the inner product"
    )

    def check(self, labels: np.ndarray) -> Sequence[str]:
        """Return notes on lone queries and on K without a value, as `evaluate` does without a gallery."""
        import numpy as np

        _, counts = np.unique(labels, return_counts=True)
        count, lone = len(labels), int((counts == 1).sum())
        if len(counts) == 1:
            raise ValueError(f"all {count:,} samples to rank have one class: a ranking needs at least two classes")
        if lone == count:
            raise ValueError(
                f"none of the {count:,} queries has another member of its class to find: a class needs two samples"
            )
        return list(self._label_notes(lone, count, count - 1))

    def evaluate(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, float]:
        ranking = self._ranked(queries, gallery)
        numbers = self._metrics(ranking, "pessimistic")
        optimistic = self._metrics(ranking, "optimistic")
        tied = {name: value for name, value in optimistic.items() if value != numbers[name]}
        for note in self._notes(ranking, numbers, tied):
            warnings.warn(note, MetricWarning, stacklevel=2)
        metrics = numbers | {f"{name}_optimistic": value for name, value in tied.items()}
        return metrics | ({"lone_queries": float(ranking.lone_queries)} if ranking.lone_queries else {})

    def per_query(self, queries: Embeddings, gallery: Embeddings | None = None) -> Mapping[str, np.ndarray]:
        """Each query's value of the metrics of `evaluate`, with ties against it; NaN for lone queries.

        recall_at_<K>: 1 where an image of the class is among the K nearest, else 0; mrr: the reciprocal rank of the
        first.
        """
        import numpy as np

        ranking = self._ranked(queries, gallery)
        scores = ranking.pessimistic
        values: dict[str, np.ndarray] = {
            f"recall_at_{k}": scores.first <= k for k in self.recall_at if k <= ranking.candidates
        }
        values |= {
            "r_precision": scores.r_precision,
            "map_at_r": scores.map_at_r,
            "mrr": 1 / np.maximum(scores.first, 1),
        }
        return {name: np.where(ranking.relevant > 0, each, np.nan) for name, each in values.items()}

    def _ranked(self, queries: Embeddings, gallery: Embeddings | None) -> Ranking:
        """The ranking of the queries, against each other without a gallery."""
        from dmlcore.neighbors import rank

        others = None if gallery is None else gallery.vectors
        labels = None if gallery is None else _numbered_alike(queries, gallery)
        return rank(queries.vectors, queries.labels, others, labels, distance=self.distance, progress=report_progress)

    def _metrics(self, ranking: Ranking, ties: Ties) -> dict[str, float]:
        recalls = {f"recall_at_{k}": ranking.recall_at(k, ties=ties) for k in self.recall_at if k <= ranking.candidates}
        return recalls | {
            "r_precision": ranking.r_precision(ties=ties),
            "map_at_r": ranking.map_at_r(ties=ties),
            "mrr": ranking.mrr(ties=ties),
        }

    def _notes(self, ranking: Ranking, numbers: Mapping[str, float], tied: Mapping[str, float]) -> Iterator[str]:
        yield from self._label_notes(ranking.lone_queries, len(ranking.relevant), ranking.candidates)
        if tied:
            changes = ", ".join(f"{name} {numbers[name]:.4f} → {value:.4f}" for name, value in tied.items())
            yield f"some images tie; ties count against the query, and in favor of it these metrics are: {changes}"

    def _label_notes(self, lone: int, queries: int, candidates: int) -> Iterator[str]:
        """What follows from the labels alone: lone queries, and each K above the number of images to rank."""
        if lone:
            yield (
                f"{lone:,} of {queries:,} queries have no other image of their class to find and are excluded from "
                "all means"
            )
        unanswered = [str(k) for k in self.recall_at if k > candidates]
        if unanswered:
            yield f"no Recall@K for K = {', '.join(unanswered)}: a query is ranked against only {candidates:,} images"


def _numbered_alike(queries: Embeddings, gallery: Embeddings) -> np.ndarray:
    """The gallery's labels, numbered like the class names of the queries."""
    import numpy as np

    from dmlcore.neighbors import checked_labels

    labels = checked_labels(gallery.labels, len(gallery), "labels of gallery")
    if not queries.class_names or not gallery.class_names or queries.class_names == gallery.class_names:
        return labels
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(gallery.class_names):
        raise ValueError(
            f"labels of gallery must be 0 … {len(gallery.class_names) - 1}, one for each of its class names, "
            f"not {labels.min()} … {labels.max()}"
        )
    numbers = {name: number for number, name in enumerate(queries.class_names)}
    for name in gallery.class_names:
        numbers.setdefault(name, len(numbers))
    return np.array([numbers[name] for name in gallery.class_names])[labels]


@hookimpl
def dmlcore_register_evaluators() -> list[type[EvaluatorConfig]]:
    return [Retrieval]
