"""Recall@k of a batch with soft ranks, and similarity mixup."""

from __future__ import annotations

import torch
from attrs import define
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from dmlcore_plugins.losses.active import pair_shares, same_class

COMPARISONS = 2**24
"""Comparisons of two similarities in memory at once: 64 MB in float32."""


@define(eq=False, repr=False, slots=False, kw_only=True)
class RecallAtKLoss(nn.Module):
    """See `RecallAtK` for the formula."""

    k: tuple[int, ...]
    k_temperatures: tuple[float, ...]
    similarity_temperature: float
    count_query: bool
    mixup: bool

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss (), 0 if no query has a positive."""
        embeddings = functional.normalize(embeddings, dim=1)
        if self.mixup:
            embeddings, labels = mixed(embeddings, labels)
        positives, _ = same_class(labels)
        counts = positives.sum(1)
        queries, found = positives.nonzero(as_tuple=True)
        if not len(queries):
            return embeddings.sum() * 0
        ranks = self.ranks(embeddings @ embeddings.T, queries, found)

        k = torch.tensor(self.k, dtype=ranks.dtype, device=ranks.device)
        softness = torch.tensor(self.k_temperatures, dtype=ranks.dtype, device=ranks.device)
        hits = torch.sigmoid((k - ranks[:, None]) / softness)
        found_by_query = hits.new_zeros(len(labels), len(k)).index_add(0, queries, hits)
        recall = found_by_query.minimum(k) / counts[:, None].minimum(k).clamp(min=1)
        return 1 - recall[counts > 0].mean()

    def ranks(self, similarities: Tensor, queries: Tensor, found: Tensor) -> Tensor:
        """Similarities (B, B), indices of M queries and of images → soft rank of each image for its query (M,)."""
        if not self.count_query:
            itself = torch.eye(len(similarities), dtype=torch.bool, device=similarities.device)
            similarities = similarities.masked_fill(itself, -torch.inf)
        size = max(1, COMPARISONS // len(similarities))
        pairs = list(zip(torch.split(queries, size), torch.split(found, size), strict=True))
        if len(pairs) == 1:
            return self._ranks(similarities, queries, found)
        return torch.cat(
            [
                checkpoint(self._ranks, similarities, *some, use_reentrant=False, preserve_rng_state=False)
                for some in pairs
            ]
        )

    def _ranks(self, similarities: Tensor, queries: Tensor, found: Tensor) -> Tensor:
        of_query = similarities[queries]
        ahead = of_query - of_query.gather(1, found[:, None])
        above = torch.sigmoid(ahead / self.similarity_temperature).sum(1)
        return 1 + above - 0.5  # an image is compared with itself too, which gives a half

    def activity(self, embeddings: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Of the positive pairs those with a negative nearer to the query, of the negative those before a positive.

        These are the pairs that are ranked wrongly; no term is ever zero. Virtual images are not counted.
        """
        embeddings = functional.normalize(embeddings, dim=1)
        cosines = embeddings @ embeddings.T
        positives, negatives = same_class(labels)
        nearest_negative = cosines.masked_fill(~negatives, -torch.inf).amax(1, keepdim=True)
        farthest_positive = cosines.masked_fill(~positives, torch.inf).amin(1, keepdim=True)
        return pair_shares(cosines < nearest_negative, cosines > farthest_positive, positives, negatives)


def mixed(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """embeddings (B, D), labels (B,) → these and a virtual image between each pair of one class, with its label."""
    positives, _ = same_class(labels)
    first, second = positives.triu().nonzero(as_tuple=True)
    share = torch.rand(len(first), 1, dtype=embeddings.dtype, device=embeddings.device)
    virtual = share * embeddings[first] + (1 - share) * embeddings[second]
    return torch.cat((embeddings, virtual)), torch.cat((labels, labels[first]))
