"""Regularizers against plain loops, and what they are refused with."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import SoftTripleLoss
from torch import Tensor

from dmlcore import DistanceConfig, LossContext, ReducerConfig, RegularizerConfig, StudyError
from dmlcore_plugins.losses.catalogue.distances import SNR, DotProduct
from dmlcore_plugins.losses.catalogue.distances import Lp as LpConfig
from dmlcore_plugins.losses.catalogue.reducers import AvgNonZero, ClassWeighted, Divisor, Mean, Multiple, PerAnchor, Sum
from dmlcore_plugins.losses.catalogue.regularizers import CenterInvariant, Lp, RegularFace, SparseCenters, ZeroMean

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
Batch = tuple[Tensor, Tensor]


def norm(x: np.ndarray, p: float) -> float:
    return float(abs(x).max() if p == inf else (abs(x) ** p).sum() ** (1 / p))


def deviations(rows: np.ndarray, p: float) -> list[float]:
    squares = [norm(x, p) ** 2 for x in rows]
    return [(square - np.mean(squares)) ** 2 / 4 for square in squares]


def nearest(similarity: np.ndarray) -> list[float]:
    return [max(row[j] for j in range(len(row)) if j != i) for i, row in enumerate(similarity)]


def cosines(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.sqrt((rows**2).sum(1, keepdims=True))
    return unit @ unit.T


def spread_of_centres(rows: np.ndarray, each: int) -> list[float]:
    s = cosines(rows)
    pairs = [(i, j) for i in range(len(rows)) for j in range(i + 1, len(rows)) if i // each == j // each]
    return [float(np.sqrt(max(2 - 2 * s[i, j], 0))) for i, j in pairs]


CASES: list[tuple[RegularizerConfig, Callable[[np.ndarray], float]]] = [
    (Lp(), lambda rows: np.mean([norm(x, 2) for x in rows])),
    (Lp(p=1, power=3), lambda rows: np.mean([norm(x, 1) ** 3 for x in rows])),
    (Lp(p=inf, reducer=Sum()), lambda rows: np.sum([norm(x, inf) for x in rows])),
    (ZeroMean(), lambda rows: np.mean([abs(x.sum()) for x in rows])),
    (ZeroMean(reducer=Sum()), lambda rows: np.sum([abs(x.sum()) for x in rows])),
    (CenterInvariant(), lambda rows: np.mean(deviations(rows, 2))),
    (CenterInvariant(p=1, reducer=Sum()), lambda rows: np.sum(deviations(rows, 1))),
    (RegularFace(), lambda rows: np.mean(nearest(cosines(rows)))),
    (
        RegularFace(distance=DotProduct(normalize_embeddings=False), reducer=AvgNonZero()),
        lambda rows: np.mean([value for value in nearest(rows @ rows.T) if value > 0]),
    ),
    (SparseCenters(centers_per_class=3), lambda rows: sum(spread_of_centres(rows, 3)) / (4 * 3 * 2)),
    (SparseCenters(centers_per_class=3, reducer=Mean()), lambda rows: np.mean(spread_of_centres(rows, 3))),
]


@pytest.mark.parametrize(("config", "formula"), CASES, ids=lambda case: repr(case) if hasattr(case, "name") else "")
def test_regularizers(batch: Batch, config: RegularizerConfig, formula: Callable[[np.ndarray], float]) -> None:
    """The twelve rows are four classes of three centres to `sparse_centers`."""
    rows = batch[0].clone().requires_grad_()
    value = config.build(CONTEXT)(rows)
    assert value.item() == pytest.approx(formula(batch[0].numpy()), rel=1e-4)
    value.backward()
    assert torch.isfinite(rows.grad).all()
    assert rows.grad.abs().sum() > 0


def test_centres_are_those_of_the_librarys_soft_triple_loss(batch: Batch) -> None:
    config = SparseCenters(centers_per_class=3)
    torch.manual_seed(0)
    plain = SoftTripleLoss(4, 5, centers_per_class=3)
    torch.manual_seed(0)
    merged = SoftTripleLoss(4, 5, centers_per_class=3, weight_regularizer=config.build(CONTEXT))
    expected = sum(spread_of_centres(plain.fc.detach().numpy().T, 3)) / (4 * 3 * 2)
    embeddings, labels = batch[0].float(), batch[1]
    added = merged(embeddings, labels) - plain(embeddings, labels)
    assert added.item() == pytest.approx(expected, rel=1e-3)


def test_what_each_is_for() -> None:
    told = {cls.name: cls.of for cls in (Lp, ZeroMean, CenterInvariant, RegularFace, SparseCenters)}
    assert told == {
        "lp": ("embeddings", "weights"),
        "zero_mean": ("embeddings",),
        "center_invariant": ("embeddings", "weights"),
        "regular_face": ("weights",),
        "sparse_centers": ("weights",),
    }


@pytest.mark.parametrize(
    "reducer", [ClassWeighted(weights=(1.0,)), Divisor(), PerAnchor(), Multiple(pos_loss=Sum())], ids=repr
)
@pytest.mark.parametrize("make", [Lp, ZeroMean, CenterInvariant, RegularFace])
def test_reducers_that_want_more_than_rows_are_refused(make: Any, reducer: ReducerConfig) -> None:
    with pytest.raises(ValueError, match=f'reducer = "{reducer.name}" .*"{make.name}".*use "mean"'):
        make(reducer=reducer)


def test_centres_know_no_labels_either() -> None:
    with pytest.raises(ValueError, match=r'reducer = "per_anchor" .*"sparse_centers".*use "mean"'):
        SparseCenters(centers_per_class=2, reducer=PerAnchor())
    with pytest.raises(ValueError, match="centers_per_class must be ≥ 2, not 1"):
        SparseCenters(centers_per_class=1)


@pytest.mark.parametrize("distance", [LpConfig(), SNR()])
def test_class_vectors_are_spread_by_similarity(distance: DistanceConfig) -> None:
    with pytest.raises(ValueError, match=f'needs a similarity.*"{distance.name}" is a distance'):
        RegularFace(distance=distance)


class Foreign(DistanceConfig):
    """Another plugin's distance."""

    name = "foreign"

    def build(self, context: LossContext) -> Any:
        return LpDistance()


def test_another_plugins_distance_is_looked_at_when_built() -> None:
    with pytest.raises(StudyError, match=r'needs a similarity.*"foreign" is a distance'):
        RegularFace(distance=Foreign()).build(CONTEXT)
