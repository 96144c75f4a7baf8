"""The networks and losses that the small components of toys.py build."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dmlcore import InputSpec


class TinyNet(nn.Module):
    feature_dim = 8
    input_spec = InputSpec(8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))

    def __init__(self, feature_map: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 2)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.2)
        self.feature_map = feature_map

    def forward(self, images: Tensor) -> Tensor:
        features = self.drop(torch.relu(self.norm(self.conv(images))))
        return features if self.feature_map else features.mean((2, 3))


class PairLoss(nn.Module):
    def __init__(self, margin: float, embedding_dim: int, num_classes: int) -> None:
        super().__init__()
        self.margin = margin
        self.scale = nn.Parameter(torch.ones(1))
        self.shape = (embedding_dim, num_classes)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        similarity = embeddings @ embeddings.T
        same = labels[:, None] == labels[None]
        return (1 - similarity[same]).mean() + (similarity[~same] - self.margin).relu().mean() * self.scale[0] ** 2


class ProxyLoss(nn.Module):
    def __init__(self, embedding_dim: int, num_classes: int) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.randn(num_classes, embedding_dim))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(4 * embeddings @ nn.functional.normalize(self.proxies, dim=1).T, labels)


class Exploding(nn.Module):
    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return embeddings.sum() * float("nan")


class Pulling(nn.Module):
    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return (1 - embeddings @ embeddings.T).mean()
