"""The agreement of two partitions of the same samples: NMI and AMI.

With classes Y, clusters C, entropy H, mutual information I (natural logarithms), the arithmetic mean of entropies:

- NMI = 2·I(Y, C) / (H(Y) + H(C));
- AMI = (I − E[I]) / ((H(Y) + H(C)) / 2 − E[I]), E[I] the mean over all partitions with clusters of these sizes.

Vinh, Epps, Bailey, "Information Theoretic Measures for Clusterings Comparison", JMLR 2010: NMI_sum and AMI_sum of
table 2, E[I] of theorem 11 in (24a). Both are symmetric, and 1 only for equal partitions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.neighbors.vectors import checked_labels

TERMS = 2**18
"""Terms of the expected mutual information computed at once."""


@frozen
class Agreement:
    """NMI and AMI of two partitions."""

    nmi: float
    ami: float


def agreement(labels: npt.ArrayLike, clusters: npt.ArrayLike) -> Agreement:
    """Return NMI and AMI of the classes (N,) and clusters (N,), integers of any value.

    Two partitions with one part each, or N parts each, are equal: both values are 1. If only one of them has a single
    part, both are 0.

    Raises ValueError for labels that are not integers, differ in length, or are empty.

    >>> from dmlcore.neighbors import agreement
    >>> agreement([0, 0, 1, 1], [5, 5, 3, 3])
    Agreement(nmi=1.0, ami=1.0)
    >>> round(agreement([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 2, 2]).nmi, 3)
    0.516
    """
    count = np.size(labels)
    if not count:
        raise ValueError("labels are empty")
    classes, ours = np.unique(checked_labels(labels, count), return_inverse=True)
    parts, theirs = np.unique(checked_labels(clusters, count, "clusters"), return_inverse=True)
    if len(classes) == len(parts) and len(classes) in (1, count):
        return Agreement(1.0, 1.0)
    rows, columns = np.bincount(ours), np.bincount(theirs)
    cells, joint = np.unique(ours * len(parts) + theirs, return_counts=True)
    row, column = np.divmod(cells, len(parts))
    # N·n / (a·b) in the order of scikit-learn: tests compare the last digits
    information = float((joint / count * (np.log(joint / rows[row]) + np.log(count / columns[column]))).sum())
    mean = (_entropy(rows) + _entropy(columns)) / 2
    if min(len(classes), len(parts)) == 1:
        return Agreement(0.0, 0.0)
    information = max(information, 0.0)
    if np.array_equal(rows[row], joint) and np.array_equal(columns[column], joint):
        return Agreement(1.0, 1.0)
    expected = expected_mutual_information(rows, columns)
    return Agreement(min(information / mean, 1.0), (information - expected) / (mean - expected))


def expected_mutual_information(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> float:
    """Return E[I] of partitions into parts of these sizes (R,) and (C,), by the hypergeometric law, in nats.

    Σ_i Σ_j Σ_n n/N · ln(N n / (a_i b_j)) · P(n; a_i, b_j), n from max(1, a_i + b_j − N) to min(a_i, b_j). Equal sizes
    have equal terms, so each pair of different sizes is summed once.
    """
    total = int(rows.sum())
    (a_sizes, a_times), (b_sizes, b_times) = (np.unique(sizes, return_counts=True) for sizes in (rows, columns))
    a, b = (grid.ravel() for grid in np.meshgrid(a_sizes, b_sizes, indexing="ij"))
    times = np.multiply.outer(a_times.astype(np.float64), b_times.astype(np.float64)).ravel()
    first = np.maximum(1, a + b - total)
    lengths = np.minimum(a, b) - first + 1
    ends = np.cumsum(lengths)
    # differences of large logarithms: the machine's longest float keeps the digits
    log_factorial = np.concatenate([[0], np.cumsum(np.log(np.arange(1, total + 1, dtype=np.longdouble)))])
    fixed = sum(log_factorial[sizes] for sizes in (a, b, total - a, total - b)) - log_factorial[total]
    expected = 0.0
    start = 0
    while start < len(a):
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] - lengths[start] + TERMS, "right")))
        pair = np.repeat(np.arange(start, stop), lengths[start:stop])
        offset = np.arange(len(pair)) - np.repeat(
            ends[start:stop] - lengths[start:stop] - ends[start] + lengths[start], lengths[start:stop]
        )
        n = first[pair] + offset
        chance = np.exp(
            fixed[pair]
            - log_factorial[n]
            - log_factorial[a[pair] - n]
            - log_factorial[b[pair] - n]
            - log_factorial[total - a[pair] - b[pair] + n]
        )
        logs = np.log(total * n / (a[pair].astype(np.float64) * b[pair]))
        expected += float((times[pair] * (n / total) * logs * chance).sum())
        start = stop
    return expected


def _entropy(sizes: npt.NDArray[np.int64]) -> float:
    shares = sizes / sizes.sum()
    return float(-(shares * np.log(shares)).sum())
