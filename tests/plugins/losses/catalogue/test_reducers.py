"""Reducers against plain arithmetic on terms, and in losses of the library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pytorch_metric_learning import losses
from torch import Tensor, nn

from dmlcore import LossContext, ReducerConfig, StudyError
from dmlcore_plugins.losses.catalogue.adapted import built
from dmlcore_plugins.losses.catalogue.reducers import (
    AvgNonZero,
    ClassWeighted,
    Divisor,
    Mean,
    Multiple,
    PerAnchor,
    Sum,
    Threshold,
)

CONTEXT = LossContext(embedding_dim=5, num_classes=4)
Batch = tuple[Tensor, Tensor]

LABELS = [3, 0, 1, 3, 2]
TERMS = [0.0, 1.0, 2.0, 3.0, 10.0]
ANCHORS = [0, 1, 1, 4, 4]
OTHERS = [3, 2, 0, 1, 0]
WEIGHTS = (1.0, 0.0, 0.5, 4.0)


def reduced(config: ReducerConfig, sort: str, divisor: float | None = None) -> float:
    """TERMS of images, of pairs or of triplets, reduced."""
    pair = (torch.tensor(ANCHORS), torch.tensor(OTHERS))
    indices = {"element": torch.arange(5), "triplet": (*pair, pair[1])}.get(sort, pair)
    info = {"losses": torch.tensor(TERMS), "indices": indices, "reduction_type": sort}
    terms = {"loss": info if divisor is None else {**info, "divisor": divisor}}
    return float(built(config, CONTEXT)(terms, torch.zeros(5, 5), torch.tensor(LABELS)))


ALL_SORTS = ("element", "pos_pair", "neg_pair", "triplet")
SIMPLE: list[tuple[ReducerConfig, float]] = [
    (Mean(), 16 / 5),
    (Sum(), 16),
    (AvgNonZero(), 16 / 4),
    (Threshold(low=1.0), 15 / 3),
    (Threshold(high=3.0), 3 / 3),
    (Threshold(low=0.0, high=3.0), 3 / 2),
    (Threshold(low=20.0), 0),
]


@pytest.mark.parametrize(("config", "expected"), SIMPLE, ids=lambda case: repr(case))
@pytest.mark.parametrize("sort", ALL_SORTS)
def test_reducers_that_look_at_terms_alone(config: ReducerConfig, expected: float, sort: str) -> None:
    assert reduced(config, sort) == pytest.approx(expected)


@pytest.mark.parametrize("sort", ALL_SORTS)
def test_class_weights_are_those_of_images_or_anchors(sort: str) -> None:
    images = range(5) if sort == "element" else ANCHORS
    expected = sum(WEIGHTS[LABELS[i]] * term for i, term in zip(images, TERMS, strict=True)) / 5
    assert reduced(ClassWeighted(weights=WEIGHTS), sort) == pytest.approx(expected)


@pytest.mark.parametrize("sort", ["pos_pair", "neg_pair"])
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (PerAnchor(), (0 + 1.5 + 0 + 0 + 6.5) / 5),
        (PerAnchor(aggregation="sum"), (0 + 3 + 0 + 0 + 13) / 5),
        (PerAnchor(reducer=AvgNonZero()), (1.5 + 6.5) / 2),
        (PerAnchor(reducer=Sum(), aggregation="sum"), 16),
        (PerAnchor(reducer=ClassWeighted(weights=WEIGHTS)), (1.5 * 1 + 6.5 * 0.5) / 5),
    ],
    ids=repr,
)
def test_pairs_of_an_anchor_become_one_term(config: PerAnchor, expected: float, sort: str) -> None:
    assert reduced(config, sort) == pytest.approx(expected)


def test_terms_of_images_are_left_to_the_other_reducer() -> None:
    assert reduced(PerAnchor(reducer=AvgNonZero()), "element") == reduced(AvgNonZero(), "element")


@pytest.mark.parametrize("sort", ALL_SORTS)
def test_the_loss_says_the_divisor(sort: str) -> None:
    assert reduced(Divisor(), sort, divisor=32) == 0.5
    assert reduced(Divisor(), sort, divisor=0) == 0


def test_each_part_has_its_reducer(batch: Batch) -> None:
    def value(reducer: Any) -> float:
        return float(losses.ContrastiveLoss(reducer=reducer)(*batch))

    def part(**reducers: ReducerConfig) -> float:
        return value(Multiple(**reducers).build(CONTEXT))

    sums = part(pos_loss=Sum(), neg_loss=Sum())
    assert sums == pytest.approx(value(Sum().build(CONTEXT)))
    means = value(Mean().build(CONTEXT))
    mixed = part(pos_loss=Sum()) + part(neg_loss=Sum())
    assert mixed == pytest.approx(sums + means), "the other part has the mean"
    assert part(pos_loss=Sum(), default_reducer=Sum()) == pytest.approx(sums)


def test_the_margin_losss_parts(batch: Batch) -> None:
    reducer = Multiple(margin_loss=Divisor(), beta_reg_loss=Divisor()).build(CONTEXT)
    values = [losses.MarginLoss(reducer=r, triplets_per_anchor="all")(*batch).item() for r in (reducer, None)]
    assert values[0] == pytest.approx(values[1])
    assert values[0] > 0


def test_proxy_anchors_default_is_the_divisor(batch: Batch) -> None:
    values = []
    for reducer in (Divisor().build(CONTEXT), None):
        torch.manual_seed(0)
        values.append(losses.ProxyAnchorLoss(4, 5, reducer=reducer)(*batch).item())
    assert values[0] == values[1] > 0


@pytest.mark.parametrize(
    ("config", "loss", "words"),
    [
        (
            PerAnchor(),
            losses.TripletMarginLoss,
            '"per_anchor".*triplets.*"mean"',
        ),
        (Divisor(), losses.TripletMarginLoss, '"divisor".*"mean"'),
        (
            Multiple(margin_loss=Sum(), neg_loss=Sum(), beta_reg_loss=Sum()),
            losses.ContrastiveLoss,
            "sets margin_loss, beta_reg_loss, .*its parts are pos_loss, neg_loss",
        ),
    ],
)
def test_a_loss_that_a_reducer_does_not_fit_stops(
    batch: Batch, config: ReducerConfig, loss: Callable[..., nn.Module], words: str
) -> None:
    with pytest.raises(StudyError, match=words):
        loss(reducer=config.build(CONTEXT))(*batch)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Threshold, "needs low, high or both"),
        (lambda: Threshold(low=1.0, high=1.0), "low = 1 and below high = 1"),
        (lambda: ClassWeighted(weights=(0.0, 0.0)), "weights needs a number above 0"),
        (lambda: ClassWeighted(weights=(1.0, -1.0)), "weights must be ≥ 0 and < inf, not -1"),
        (lambda: PerAnchor(reducer=Divisor()), 'reducer = "divisor" .*per_anchor'),
        (lambda: PerAnchor(reducer=PerAnchor()), 'reducer = "per_anchor" .*per_anchor'),
        (lambda: PerAnchor(reducer=Multiple(pos_loss=Sum())), 'reducer = "multiple" .*per_anchor'),
        (Multiple, "set pos_loss, neg_loss, margin_loss or beta_reg_loss"),
        (lambda: Multiple(pos_loss=Multiple(neg_loss=Sum())), 'within "multiple"'),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_weight_for_each_class() -> None:
    with pytest.raises(StudyError, match=r"2 weights, .*4 classes"):
        ClassWeighted(weights=(1.0, 2.0)).build(CONTEXT)


class Foreign(ReducerConfig):
    """Another plugin's reducer."""

    name = "foreign"

    def build(self, context: LossContext) -> nn.Module:
        return nn.Identity()


def test_a_reducer_that_the_library_cant_call_is_refused() -> None:
    with pytest.raises(StudyError, match=r'"foreign" builds a Identity, .*BaseReducer'):
        PerAnchor(reducer=Foreign()).build(CONTEXT)
