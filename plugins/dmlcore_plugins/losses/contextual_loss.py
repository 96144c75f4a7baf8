"""Contextual similarity of a batch, and the loss on it."""

from __future__ import annotations

from attrs import define
from torch import Tensor, nn
from torch.nn import functional

from dmlcore_plugins.losses.active import pair_shares, same_class


@define(eq=False, repr=False, slots=False, kw_only=True)
class ContextualLoss(nn.Module):
    """See `Contextual` for the formula."""

    neighbors: int
    tolerance: float
    slope: float
    context_weight: float
    spread_weight: float
    mean_similarity: float
    margin: float
    positive_margin: float

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """embeddings: (B, D); labels: (B,) → loss ()."""
        embeddings = functional.normalize(embeddings, dim=1)
        cosines = embeddings @ embeddings.T
        positives, negatives = same_class(labels)

        similarity = contextual_similarity(cosines, self.neighbors, self.tolerance, self.slope)
        wrong = (1 - similarity).square() * positives + similarity.square() * negatives
        contrast = nonzero_mean((self.positive_margin - cosines).relu() * positives) + nonzero_mean(
            (cosines - self.margin).relu() * negatives
        )
        spread = (cosines.mean() - self.mean_similarity).square()
        rest = 1 - self.context_weight - self.spread_weight
        return self.context_weight * wrong.mean() + self.spread_weight * spread + rest * contrast

    def activity(self, embeddings: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Shares of the pairs with a contrastive term above zero; the contextual term uses all pairs."""
        embeddings = functional.normalize(embeddings, dim=1)
        cosines = embeddings @ embeddings.T
        pulled, pushed = cosines < self.positive_margin, cosines > self.margin
        return pair_shares(pulled, pushed, *same_class(labels))


def contextual_similarity(cosines: Tensor, neighbors: int, tolerance: float, slope: float) -> Tensor:
    """Cosines (B, B) → (B, B), symmetric, from 0 to 1: how much two images agree on who is near them."""
    distances = (2 - 2 * cosines).clamp(min=0)
    nearest = distances.detach().topk(min(neighbors, len(distances)), largest=False).values

    def neighborhood(k: int) -> Tensor:
        """(B, B): 1 where the image j is among the k nearest of i, with a gradient in the distances."""
        border = nearest[:, min(k, nearest.shape[1]) - 1, None]
        inside = border - (distances - tolerance)
        return (inside >= 0).to(inside.dtype) + slope * (inside - inside.detach())

    near = neighborhood(neighbors)
    far = 1 - near
    agreeing = (agreement(near) + agreement(far)) / 2 * near
    half = neighborhood(neighbors // 2)
    mutual = half * half.T
    expanded = mutual @ agreeing / mutual.sum(1, keepdim=True)
    return (expanded + expanded.T) / 2


def agreement(members: Tensor) -> Tensor:
    """Membership in sets, (B, B) → share of the set of i that is in the set of j too; 0 if it is empty."""
    return members @ members.T / members.detach().sum(1, keepdim=True).clamp(min=1)


def nonzero_mean(terms: Tensor) -> Tensor:
    """Mean of the terms above zero, 0 if there are none."""
    return terms.sum() / (terms > 0).sum().clamp(min=1)
