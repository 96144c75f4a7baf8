"""Which share of pairs or triplets meets a margin, from the stored densities of cosines."""

from __future__ import annotations

import numpy as np
import pytest

from dmlcore.api.values import MarginAxis
from dmlcore.report.explanation.losses import met
from dmlcore.results.evidence import Evidence

EDGES = np.linspace(-1, 1, 65)
MIDDLES = (EDGES[:-1] + EDGES[1:]) / 2


def evidence(positives: float, negatives: float) -> Evidence:
    """All positive pairs have one cosine, all negative pairs another, but for the width of a bin."""

    def density(cosine: float) -> np.ndarray:
        return np.eye(64)[np.abs(MIDDLES - cosine).argmin()] * 32

    none = np.zeros((0, 1))
    return Evidence(
        labels=np.zeros(0, np.int64),
        class_names=(),
        queries={},
        spectrum=np.zeros(1),
        similarity_edges=EDGES,
        positive_density=density(positives),
        negative_density=density(negatives),
        neighbors=none.astype(np.int32),
        neighbor_similarities=none.astype(np.float32),
    )


@pytest.mark.parametrize(
    ("axis", "margin", "share"),
    [
        ("cosine", 0.6, 1.0),  # 0.8 - 0.1 = 0.7
        ("cosine", 0.8, 0.0),
        ("euclidean", 0.6, 1.0),  # √1.8 - √0.4 = 0.71
        ("euclidean", 0.8, 0.0),
        ("squared_euclidean", 1.3, 1.0),  # 1.8 - 0.4 = 1.4
        ("squared_euclidean", 1.5, 0.0),
    ],
)
def test_a_difference(axis: MarginAxis, margin: float, share: float) -> None:
    assert met(evidence(0.8, 0.1), margin, axis, difference=True) == share


@pytest.mark.parametrize(
    ("axis", "margin", "share"),
    [("cosine", 0.2, 1.0), ("cosine", 0.0, 0.0), ("euclidean", 1.2, 1.0), ("euclidean", 1.5, 0.0)],
)
def test_a_threshold(axis: MarginAxis, margin: float, share: float) -> None:
    assert met(evidence(0.8, 0.1), margin, axis, difference=False) == share


def test_half_of_uniform_pairs_differ_by_more_than_nothing() -> None:
    uniform = evidence(0.8, 0.1)
    flat = np.full(64, 0.5)
    uniform.positive_density[:] = flat
    uniform.negative_density[:] = flat
    assert met(uniform, 0.0, "cosine", difference=True) == pytest.approx(0.5, abs=0.01)
