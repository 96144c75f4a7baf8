"""Miners of pytorch-metric-learning that say what is wrong where the library fails with an error of its own."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_metric_learning.miners import (
    AngularMiner,
    DistanceWeightedMiner,
    EmbeddingsAlreadyPackagedAsTriplets,
    UniformHistogramMiner,
)
from torch import Tensor

from dmlcore import StudyError, TrainingError

Triplets = tuple[Tensor, Tensor, Tensor]
"""Indices of anchors, positives, negatives."""


class NormalizedAngularMiner(AngularMiner):  # type: ignore[misc]  # the library is untyped
    """Normalises embeddings, as the library's loss does: its miner asks for it and does not do it."""

    def mine(self, embeddings: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor) -> Triplets:
        triplets: Triplets = super().mine(
            self.distance.normalize(embeddings), labels, self.distance.normalize(others), other_labels
        )
        return triplets


class FiniteDistanceWeightedMiner(DistanceWeightedMiner):  # type: ignore[misc]  # the library is untyped
    """Refuses embeddings that give no chances."""

    def mine(self, embeddings: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor) -> Triplets:
        _check_finite(embeddings)
        triplets: Triplets = super().mine(embeddings, labels, others, other_labels)
        return triplets


class FiniteUniformHistogramMiner(UniformHistogramMiner):  # type: ignore[misc]  # the library is untyped
    """Refuses embeddings that fall into no bin."""

    def mine(self, embeddings: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor) -> Any:
        _check_finite(embeddings)
        return super().mine(embeddings, labels, others, other_labels)


def _check_finite(embeddings: Tensor) -> None:
    if not torch.isfinite(embeddings).all():
        raise TrainingError(
            "The embeddings are no longer finite, so that the miner can draw no pairs of them. Lower the learning rate,"
            " clip gradients (training.clip_norm), or use precision fp32 or bf16."
        )


class CheckedTriplets(EmbeddingsAlreadyPackagedAsTriplets):  # type: ignore[misc]  # the library is untyped
    """Refuses batches that are not made of triplets."""

    def mine(self, embeddings: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor) -> Triplets:
        if others is not embeddings:
            raise StudyError(
                'The miner "embeddings_packaged_as_triplets" finds its triplets in the batch, and this loss compares '
                "the batch with others, such as a memory. Use another miner, or none."
            )
        if len(labels) % 3:
            raise TrainingError(_no_triplets(f"one has {len(labels)} images, which is no multiple of 3"))
        anchors, positives, negatives = labels.view(-1, 3).unbind(1)
        wrong = ((anchors != positives) | (anchors == negatives)).nonzero()
        if len(wrong):
            first = 3 * int(wrong[0])
            classes = ", ".join(str(label) for label in labels[first : first + 3].tolist())
            raise TrainingError(_no_triplets(f"in one, images {first + 1} to {first + 3} are of the classes {classes}"))
        places = torch.arange(len(labels), device=labels.device)
        return places[0::3], places[1::3], places[2::3]


def _no_triplets(found: str) -> str:
    return (
        'The miner "embeddings_packaged_as_triplets" needs batches of anchor, positive, negative, anchor, positive, '
        f"negative, and so on, and {found}. Use a sampler that makes them, or a miner that looks for triplets."
    )
