"""Miners of pytorch-metric-learning with a clear error where the library fails with its own."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_metric_learning import miners
from torch import Tensor

from dmlcore import StudyError, TrainingError

Triplets = tuple[Tensor, Tensor, Tensor]
"""Indices of anchors, positives, negatives."""


class AngularMiner(miners.AngularMiner):  # type: ignore[misc]  # the library is untyped, here and below
    """Normalizes embeddings, as the library's loss does: its miner requires it and does not do it."""

    def mine(self, embeddings: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor) -> Triplets:
        triplets: Triplets = super().mine(
            self.distance.normalize(embeddings), labels, self.distance.normalize(others), other_labels
        )
        return triplets


class RequiresFinite:
    """Refuses embeddings that have no distances to draw by."""

    def mine(self, embeddings: Tensor, *others: Any) -> Any:
        """The picks of the library's miner."""
        if not torch.isfinite(embeddings).all():
            raise TrainingError(
                "The embeddings are no longer finite, so the miner cannot draw pairs. Lower the learning rate, clip"
                " gradients (training.clip_norm), or use precision fp32 or bf16."
            )
        return super().mine(embeddings, *others)  # type: ignore[misc]  # of the library's class


class DistanceWeightedMiner(RequiresFinite, miners.DistanceWeightedMiner):  # type: ignore[misc]
    """Refuses embeddings that give no probabilities."""


class UniformHistogramMiner(RequiresFinite, miners.UniformHistogramMiner):  # type: ignore[misc]
    """Refuses embeddings that fall into no bin."""


class EmbeddingsAlreadyPackagedAsTriplets(miners.EmbeddingsAlreadyPackagedAsTriplets):  # type: ignore[misc]
    """Refuses batches that do not consist of triplets."""

    def mine(self, embeddings: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor) -> Triplets:
        if others is not embeddings:
            raise StudyError(
                'The miner "embeddings_packaged_as_triplets" finds its triplets in the batch, but this loss compares '
                "the batch with others, such as a memory. Use another miner, or none."
            )
        if len(labels) % 3:
            raise TrainingError(_no_triplets(f"one has {len(labels)} images, which is not a multiple of 3"))
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
        f"negative, and so on, but {found}. Use a sampler that gives such batches, or a miner that searches triplets."
    )
