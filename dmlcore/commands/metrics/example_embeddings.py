"""Artificial embeddings with what definitions of metrics treat differently: duplicates, ties, lone queries."""

from __future__ import annotations

import numpy as np

from dmlcore.api.values import Embeddings

CLASSES, EACH, DIMENSIONS = 60, 10, 32
LONE, TWINS, MISFILED = 12, 30, 20
SPREAD = 0.22
"""Standard deviation of each coordinate around its class's center on the unit sphere."""


def example_embeddings() -> Embeddings:
    """632 unit vectors of 72 classes, the same in every call.

    60 classes have 10 samples; 30 of these are exact copies of another sample of their class, like a picture found
    twice. 20 more copies have another class, like a picture with a wrong label, and tie with their originals. The last
    12 samples are alone in their class.
    """
    generator = np.random.default_rng(2020)
    labels = np.repeat(np.arange(CLASSES), EACH)
    centers = _unit(generator.standard_normal((CLASSES + LONE, DIMENSIONS)))
    vectors = _unit(centers[labels] + SPREAD * generator.standard_normal((len(labels), DIMENSIONS)))
    pairs = generator.permutation(len(labels) // 2)[:TWINS]
    vectors[2 * pairs] = vectors[2 * pairs + 1]
    misfiled = generator.permutation(len(labels))[:MISFILED]
    return Embeddings(
        np.concatenate([vectors, vectors[misfiled], centers[CLASSES:]]).astype(np.float32),
        np.concatenate([labels, (labels[misfiled] + 1) % CLASSES, np.arange(CLASSES, CLASSES + LONE)]),
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
