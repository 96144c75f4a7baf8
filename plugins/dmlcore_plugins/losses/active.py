"""How much of a batch a loss acts on: pairs and triplets with a term above zero, as shares of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pytorch_metric_learning.utils.loss_and_miner_utils import convert_to_pairs
from torch import Tensor


def same_class(labels: Tensor) -> tuple[Tensor, Tensor]:
    """labels (B,) → (B, B), which pairs of different images are of one class; and which are of two."""
    same = labels[:, None] == labels
    return same.clone().fill_diagonal_(False), ~same


def picked_pairs(picks: Any, labels: Tensor) -> tuple[Tensor, Tensor]:
    """A miner's pairs or triplets → (B, B), which pairs of anchor and positive they contain; and of negative."""
    anchors, positives, others, negatives = convert_to_pairs(picks, labels)
    pulled = torch.zeros(len(labels), len(labels), dtype=torch.bool, device=labels.device)
    pushed = torch.zeros_like(pulled)
    pulled[anchors, positives] = True
    pushed[others, negatives] = True
    return pulled, pushed


def pair_shares(pulled: Tensor, pushed: Tensor, positives: Tensor, negatives: Tensor) -> dict[str, Tensor]:
    """Of the positive pairs those that are pulled, of the negative pairs those that are pushed; NaN of none."""
    return {
        "active_positive_pairs": (pulled & positives).sum() / positives.sum(),
        "active_negative_pairs": (pushed & negatives).sum() / negatives.sum(),
    }


def triplet_shares(active: Sequence[Tensor], labels: Tensor) -> dict[str, Tensor]:
    """Of all triplets of the batch those that are given, of all pairs those in one; NaN of none.

    active: indices of anchors, positives and negatives, (T,) each; a triplet that is given twice counts once.
    """
    anchors, positives, negatives = active
    numbers = (anchors * len(labels) + positives) * len(labels) + negatives
    pulled, pushed = picked_pairs(tuple(active), labels)
    share = len(torch.unique(numbers)) / possible_triplets(labels)
    return {"active_triplets": share, **pair_shares(pulled, pushed, *same_class(labels))}


def possible_triplets(labels: Tensor) -> Tensor:
    """labels (B,) → (), how many triplets they allow."""
    positives, negatives = same_class(labels)
    return (positives.sum(1) * negatives.sum(1)).sum()
