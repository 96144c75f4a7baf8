"""The distances between embeddings that losses and miners share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytorch_metric_learning.distances import BaseDistance

Distance = Literal["cosine", "euclidean", "squared_euclidean"]
"""All on the unit sphere: embeddings are L2-normalized before they are compared.

There a cosine s and a Euclidean distance d are equivalent, d² = 2 − 2s.
"""


def build_distance(name: Distance) -> BaseDistance:
    """A module: embeddings (B, D) → (B, B), cosines or distances between all of them."""
    from pytorch_metric_learning.distances import CosineSimilarity, LpDistance

    if name == "cosine":
        return CosineSimilarity()
    return LpDistance(p=2, power=2 if name == "squared_euclidean" else 1)
