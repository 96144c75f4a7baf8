"""Distances against their formulas, a pair at a time."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dmlcore import DistanceConfig, LossContext, StudyError
from dmlcore_plugins.losses.catalogue.adapted import built
from dmlcore_plugins.losses.catalogue.distances import SNR, Cosine, DotProduct, Lp

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
Batch = tuple[Tensor, Tensor]
Formula = Callable[[np.ndarray, np.ndarray], float]


def norm(x: np.ndarray, p: float) -> float:
    return float(abs(x).max() if p == inf else (abs(x) ** p).sum() ** (1 / p))


def normalised(formula: Formula, p: float) -> Formula:
    return lambda x, y: formula(x / norm(x, p), y / norm(y, p))


def snr(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.var(y - x) / np.var(x))


CASES: list[tuple[DistanceConfig, Formula]] = [
    (Cosine(), lambda x, y: x @ y / norm(x, 2) / norm(y, 2)),
    (DotProduct(), lambda x, y: x @ y / norm(x, 2) / norm(y, 2)),
    (DotProduct(normalize_embeddings=False), lambda x, y: x @ y),
    (DotProduct(normalize_embeddings=False, power=3), lambda x, y: (x @ y) ** 3),
    (DotProduct(p=1), normalised(lambda x, y: float(x @ y), 1)),
    (Lp(), normalised(lambda x, y: norm(x - y, 2), 2)),
    (Lp(normalize_embeddings=False), lambda x, y: norm(x - y, 2)),
    (Lp(power=2), normalised(lambda x, y: norm(x - y, 2) ** 2, 2)),
    (Lp(power=1.5), normalised(lambda x, y: norm(x - y, 2) ** 1.5, 2)),
    (Lp(p=1), normalised(lambda x, y: norm(x - y, 1), 1)),
    (Lp(p=3.5, normalize_embeddings=False), lambda x, y: norm(x - y, 3.5)),
    (Lp(p=inf, power=2), normalised(lambda x, y: norm(x - y, inf) ** 2, inf)),
    (SNR(), normalised(snr, 2)),
    (SNR(p=1, power=2), normalised(lambda x, y: snr(x, y) ** 2, 1)),
    (SNR(normalize_embeddings=False), snr),
]


@pytest.mark.parametrize(("config", "formula"), CASES, ids=lambda case: repr(case) if hasattr(case, "name") else "")
@pytest.mark.parametrize("batch_name", ["batch", "large_batch"])
def test_distances(request: pytest.FixtureRequest, batch_name: str, config: Any, formula: Formula) -> None:
    embeddings = request.getfixturevalue(batch_name)[0].double()
    rows, others = embeddings.numpy(), embeddings.numpy()[3:8] * 2 + 0.1
    distance = config.build(CONTEXT)
    assert distance.is_inverted == config.is_inverted
    for given, columns in (((embeddings,), rows), ((embeddings, torch.from_numpy(others)), others)):
        expected = [[formula(x, y) for y in columns] for x in rows]
        np.testing.assert_allclose(distance(*given).numpy(), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("config", [config for config, _ in CASES], ids=repr)
def test_gradients_are_finite_though_each_embedding_is_compared_with_itself(config: DistanceConfig) -> None:
    embeddings = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    config.build(CONTEXT)(embeddings).sum().backward()
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: DotProduct(p=1, normalize_embeddings=False),
            "p = 1 .*normalize_embeddings = false",
        ),
        (
            lambda: SNR(p=inf, normalize_embeddings=False),
            "p = inf .*normalize_embeddings = false",
        ),
        (lambda: Lp(power=0.5), "power must be ≥ 1, not 0.5"),
        (lambda: Lp(p=0.5), "p must be ≥ 1, not 0.5"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_one_number_has_no_variance() -> None:
    with pytest.raises(StudyError, match=r'"snr".*set embedding.dim above 1'):
        SNR().build(LossContext(embedding_dim=1, num_classes=4))


class Foreign(DistanceConfig):
    """Another plugin's distance."""

    name = "foreign"

    def build(self, context: LossContext) -> nn.Module:
        return nn.Identity()


def test_a_distance_that_the_library_cant_call_is_refused() -> None:
    with pytest.raises(StudyError, match=r'"foreign" builds a Identity, .*BaseDistance'):
        built(Foreign(), CONTEXT)
