"""Each check of a loss fails where its promise is broken, and says what to do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmlcore import LossConfig, StudyError
from dmlcore.testing.losses import CHECKS
from testing.failing import building, component_of, failure_of, module_of, outcome_of, pulling


def refusing(self: Any, context: Any) -> nn.Module:
    raise StudyError("It needs a distance. Set loss.distance.")


def by_place(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    return embeddings.square().sum() * 0 + labels[0]


def without_a_guard(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    distances = torch.cdist(embeddings, embeddings)
    other = ~torch.eye(len(labels), dtype=torch.bool)
    return distances[(labels[:, None] == labels) & other].mean() - distances[labels[:, None] != labels].mean()


def asking_for_four(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    if len(labels) < 4:
        raise IndexError("index 3 is out of bounds")
    return pulling(self, embeddings, labels)


def rooted(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    return (embeddings[:, None] - embeddings).square().sum(-1).sqrt().mean()


def rounded(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    return embeddings.square().sum(1).mean() * (2 if embeddings.dtype == torch.float64 else 1)


def overflowing(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    return (12 * (1 + embeddings @ embeddings.T)).exp().mean()


def in_place(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        embeddings.mul_(2)
    return pulling(self, embeddings, labels)


class Counting(nn.Module):
    """Weighs its loss by how many batches it has seen, which it does not save."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = 0

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        self.batches += 1
        return embeddings.square().sum(1).mean() * self.batches


class Active(nn.Module):
    """A loss with an activity."""

    def __init__(self, share: float, change: float = 0.0) -> None:
        super().__init__()
        self.share, self.change = share, change
        self.register_buffer("seen", torch.zeros(()))

    forward = pulling

    def activity(self, embeddings: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.seen += self.change
        return {"active_positive_pairs": torch.tensor(self.share)}


BROKEN = [
    (
        "builds",
        component_of(LossConfig, build=refusing),
        "StudyError: It needs a distance. Set loss.distance.",
    ),
    (
        "builds",
        component_of(LossConfig, build=lambda self, context: pulling),
        "<class 'function'>",
    ),
    (
        "gives_a_finite_scalar",
        building(LossConfig, lambda self, e, labels: (e @ e.T).mean(1)),
        "a tensor of shape (24,), torch.float32",
    ),
    ("gives_a_finite_scalar", building(LossConfig, lambda self, e, y: (e.sum() * 0).log()), "-inf"),
    ("gradient_reaches_the_embeddings", building(LossConfig, rooted), "NaN or infinity"),
    (
        "gradient_reaches_the_embeddings",
        building(LossConfig, lambda self, e, labels: (e * 0).sum()),
        "for at least one of three batches",
    ),
    (
        "gradient_reaches_the_embeddings",
        building(LossConfig, lambda self, e, labels: pulling(self, e.detach(), labels)),
        "a loss with a gradient",
    ),
    (
        "order_of_the_batch_does_not_matter",
        building(LossConfig, by_place),
        "0, then 2",
    ),
    (
        "manages_with_what_it_needs",
        building(LossConfig, asking_for_four),
        "IndexError: index 3 is out of bounds",
    ),
    (
        "manages_without_positives",
        building(LossConfig, without_a_guard, needs_positives=False),
        "a loss of nan",
    ),
    (
        "manages_without_negatives",
        building(LossConfig, without_a_guard, needs_negatives=False),
        "a loss of nan",
    ),
    (
        "manages_with_one_image",
        building(LossConfig, without_a_guard, needs_positives=False, needs_negatives=False),
        "a loss of nan",
    ),
    (
        "keeps_to_other_precisions",
        building(LossConfig, rounded),
        "1 in float32, 2 in float64",
    ),
    (
        "keeps_to_other_precisions",
        building(LossConfig, overflowing),
        "a finite loss in torch.float16, or an error",
    ),
    (
        "leaves_its_inputs_alone",
        building(LossConfig, in_place),
        "other values after the call",
    ),
    (
        "goes_on_as_if_never_stopped",
        component_of(LossConfig, build=lambda self, context: Counting()),
        "4, then 1",
    ),
    (
        "keeps_its_tensors_where_torch_finds_them",
        component_of(LossConfig, build=lambda self, context: module_of(pulling, weights=[torch.ones(3)])),
        "tensors as parameters or buffers",
    ),
    (
        "activity_is_shares_and_changes_nothing",
        component_of(LossConfig, build=lambda self, context: Active(1.5)),
        "active_positive_pairs = 1.5",
    ),
    (
        "activity_is_shares_and_changes_nothing",
        component_of(LossConfig, build=lambda self, context: Active(0.5, change=1)),
        "0, then 1",
    ),
    (
        "class_vectors_are_of_the_training_classes",
        building(LossConfig, pulling, class_vectors=lambda self, loss: (torch.ones(3, 6), torch.arange(6))),
        "tensors of shape (P, 8) and (P,)",
    ),
    (
        "class_vectors_are_of_the_training_classes",
        building(LossConfig, pulling, class_vectors=lambda self, loss: (torch.ones(2, 8), torch.tensor([0, 1]))),
        "the classes [0, 1]",
    ),
    (
        "formula_can_be_drawn",
        building(LossConfig, pulling, formula=r"\nosuch"),
        "\\nosuch: ParseFatalException: Unknown symbol: \\nosuch",
    ),
    (
        "margin_can_be_reported",
        building(LossConfig, pulling, margin_axis="cosine"),
        "got       none",
    ),
]


@pytest.mark.parametrize(("check", "component", "words"), BROKEN, ids=[f"{i}-{row[0]}" for i, row in enumerate(BROKEN)])
def test_a_broken_promise_is_told(check: str, component: Any, words: str) -> None:
    assert words in failure_of(component, check)


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("manages_without_positives", "it needs positives"),
        ("manages_without_negatives", "it needs negatives"),
        ("manages_with_one_image", "it needs positives or negatives"),
        ("activity_is_shares_and_changes_nothing", "its module has no `activity`"),
        ("class_vectors_are_of_the_training_classes", "it learns no vectors for classes"),
        ("formula_can_be_drawn", "it has no formula"),
        ("margin_can_be_reported", "it has no margin_axis"),
    ],
)
def test_what_a_loss_does_not_promise_is_not_asked(check: str, reason: str) -> None:
    outcome = outcome_of(building(LossConfig, pulling), check)
    assert (outcome.status, outcome.reason) == ("not applicable", reason)


def test_a_loss_that_draws_by_chance_need_not_keep_to_an_order() -> None:
    dropping = building(LossConfig, lambda self, e, labels: pulling(self, nn.functional.dropout(e), labels))
    outcome = outcome_of(dropping, "order_of_the_batch_does_not_matter")
    assert (outcome.status, outcome.reason) == ("not applicable", "it is random")


def test_a_loss_may_refuse_a_precision() -> None:
    def refusing_half(self: Any, embeddings: Tensor, labels: Tensor) -> Tensor:
        if embeddings.dtype in (torch.float16, torch.bfloat16):
            raise TypeError("float32, please")
        return pulling(self, embeddings, labels)

    assert outcome_of(building(LossConfig, refusing_half), "keeps_to_other_precisions").status == "passed"
