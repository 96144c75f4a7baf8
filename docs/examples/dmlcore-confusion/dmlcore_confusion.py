"""Which classes a network confuses, for dmlcore."""

import warnings

import numpy as np
from attrs import frozen

from dmlcore import EvaluatorConfig, MetricWarning, hookimpl, option, report_progress
from dmlcore.neighbors import rank

BLOCK = 1024
"""Number of queries compared with the gallery at once."""


@frozen
class Confusion(EvaluatorConfig):
    """Recall@1 of the classes that are found worst, and the classes they are confused with.

    A mean over all queries hides that some classes are never found. Recall@1 of a class is the share of its images with
    a nearest image, by cosine, of the same class; a tie with another class counts against it. Classes without a second
    image are excluded.

        worst_class         the lowest Recall@1 of a class
        worst_tenth         the mean over the lowest tenth of the classes, at least one
        classes_not_found   the number of classes with a Recall@1 of 0
        hardest_pair        the largest share of a class's images with a nearest image in one particular other class

    A note to the result names the hardest pairs.

    >>> from dmlcore import Embeddings
    >>> vectors = np.array([[1, 0], [0.9, 0.1], [0.7, 0.6], [0, 1], [0.6, 0.7]], dtype=np.float32)
    >>> Confusion(named_pairs=0).evaluate(Embeddings(vectors, np.array([0, 0, 1, 1, 0])))
    {'worst_class': 0.0, 'worst_tenth': 0.0, 'classes_not_found': 1.0, 'hardest_pair': 1.0}
    """

    name = "confusion"
    headline = ("worst_class", "worst_tenth")

    named_pairs: int = option(3, ge=0, help="number of the hardest pairs of classes to name")

    def evaluate(self, queries, gallery=None):
        """Return the metrics above. Raises ValueError if no class can be measured."""
        names, labels, others = alike(queries, gallery)
        against = None if gallery is None else gallery.vectors
        ranking = rank(queries.vectors, labels, against, others, progress=report_progress)
        missed = (ranking.relevant > 0) & (ranking.pessimistic.first > 1)
        counts = np.bincount(labels[ranking.relevant > 0], minlength=len(names))
        recalls = 1 - np.bincount(labels[missed], minlength=len(names))[counts > 0] / counts[counts > 0]
        pairs, shares = self._pairs(queries.vectors, against, labels, others, missed, counts)
        if len(pairs) and self.named_pairs:
            pairs_named = ", ".join(
                f"{names[own]} taken for {names[other]} ({share:.0%})"
                for (own, other), share in zip(pairs[: self.named_pairs], shares, strict=False)
            )
            warnings.warn(f"the classes that are confused most: {pairs_named}", MetricWarning, stacklevel=2)
        return {
            "worst_class": float(recalls.min()),
            "worst_tenth": float(np.sort(recalls)[: max(1, len(recalls) // 10)].mean()),
            "classes_not_found": float((recalls == 0).sum()),
            "hardest_pair": float(shares.max(initial=0)),
        }

    def _pairs(self, vectors, against, labels, others, missed, counts):
        """Pairs of a class and one it is confused with, (P, 2), and the share of its images; the hardest first."""
        if against is None:
            against, others = vectors, labels
        taken_for = nearest_other_class(vectors[missed], labels[missed], against, others)
        pairs, times = np.unique(np.stack([labels[missed], taken_for], axis=1), axis=0, return_counts=True)
        shares = times / counts[pairs[:, 0]]
        order = np.argsort(-shares, kind="stable")
        return pairs[order], shares[order]


def alike(queries, gallery):
    """Names of all classes, and the labels of queries and gallery as indices into them (None without a gallery)."""
    parts = [queries] if gallery is None else [queries, gallery]
    if all(part.class_names for part in parts):
        classes = [np.asarray(part.class_names)[part.labels] for part in parts]
    else:
        classes = [np.asarray(part.labels) for part in parts]
    names, places = np.unique(np.concatenate(classes), return_inverse=True)
    return names, places[: len(queries)], None if gallery is None else places[len(queries) :]


def nearest_other_class(vectors, labels, against, others):
    """(N,): the class of the nearest image of another class, by cosine; of equally near ones, the first."""
    unit = against / np.linalg.norm(against, axis=1, keepdims=True)
    nearest = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        cosines = np.where(labels[rows, None] == others, -np.inf, vectors[rows] @ unit.T)
        nearest[rows] = others[cosines.argmax(axis=1)]
    return nearest


@hookimpl
def dmlcore_register_evaluators():
    return [Confusion]
