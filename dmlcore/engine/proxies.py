"""The vectors that a loss learns for the training classes, compared with the embeddings of these classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from dmlcore.api.components import LossConfig
from dmlcore.api.values import Embeddings
from dmlcore.engine.geometry import unit_length
from dmlcore.errors import PluginError
from dmlcore.host.faults import faults_of, named
from dmlcore.results.proxies import Proxies
from dmlcore.text import counted

MOST_IMAGES = 30
"""Training images of a class that are embedded."""

ClassVectors = tuple[Tensor, Tensor]
"""Vectors (P, D) and the class (P,) of each, on the CPU and without gradient."""


def class_vectors_of(config: LossConfig, loss: nn.Module, classes: int, dim: int) -> ClassVectors | None:
    """Return a copy of the vectors that a loss has for the training classes; None if it has none.

    Raises PluginError if they are not (P, dim), or do not have each class at least once.
    """
    with faults_of(config, "class_vectors"), torch.no_grad():
        found = config.class_vectors(loss)
        if found is None:
            return None
        vectors, labels = (tensor.detach().cpu().clone() for tensor in found)
    if vectors.ndim != 2 or labels.ndim != 1 or vectors.shape != (len(labels), dim):
        raise PluginError(
            f"The {named(config)} returns class_vectors of the shapes {tuple(vectors.shape)} and {tuple(labels.shape)};"
            f" expected (P, {dim}) and (P,)."
        )
    if (owners := set(labels.tolist())) != set(range(classes)):
        raise PluginError(
            f"The {named(config)} returns class_vectors of {counted(len(owners), 'class')}; expected each class from 0"
            f" to {classes - 1} at least once."
        )
    return vectors.float(), labels.long()


def proxies_of(vectors: ClassVectors, embeddings: Embeddings) -> tuple[Proxies, dict[str, float]]:
    """Compare class vectors with the embeddings (N, D) of training images, of each class at least one.

    All are scaled to length 1. The figures: proxy_similarity, the mean over classes of the cosine between the mean of
    its embeddings and its nearest vector; proxy_accuracy, the share of images with a vector of their class nearest;
    similarity_between_proxies, the mean cosine of vectors of two classes.

    >>> vectors = torch.eye(2), torch.tensor([0, 1])
    >>> images = np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32)
    >>> proxies, figures = proxies_of(vectors, Embeddings(images, np.array([0, 0, 1]), ("left", "right")))
    >>> proxies.images
    array([2, 1])
    >>> {name: round(value, 3) for name, value in figures.items()}
    {'proxy_similarity': 0.947, 'proxy_accuracy': 0.667, 'similarity_between_proxies': 0.0}
    """
    learned, owners = (tensor.numpy() for tensor in vectors)
    points, labels = unit_length(embeddings.vectors), embeddings.labels
    images = np.bincount(labels)
    means = np.stack([points[labels == label].mean(axis=0) for label in range(len(images))])
    units = unit_length(learned)
    own = owners == np.arange(len(images))[:, None]
    to_means = unit_length(means) @ units.T
    figures = {
        "proxy_similarity": np.where(own, to_means, -np.inf).max(axis=1).mean(),
        "proxy_accuracy": (owners[(points @ units.T).argmax(axis=1)] == labels).mean(),
        "similarity_between_proxies": _between(units, owners),
    }
    proxies = Proxies(learned, owners, means, images, embeddings.class_names)
    return proxies, {name: float(value) for name, value in figures.items()}


def _between(units: npt.NDArray[Any], owners: npt.NDArray[np.int64]) -> float:
    """The mean cosine of pairs of two classes: all pairs without those of one class, by sums."""
    sums = np.stack([units[owners == label].sum(axis=0, dtype=np.float64) for label in np.unique(owners)])
    sizes = np.bincount(owners)
    total = sums.sum(axis=0)
    return float((total @ total - (sums**2).sum()) / (len(owners) ** 2 - (sizes**2).sum()))
