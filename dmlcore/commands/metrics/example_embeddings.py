"""Embeddings made up to show where definitions of metrics part: duplicates, ties, lone queries."""

from __future__ import annotations

import numpy as np

from dmlcore.api.values import Embeddings

CLASSES, EACH, DIMENSIONS = 60, 10, 32
LONE, TWINS, MISFILED = 12, 30, 20
SPREAD = 0.22
"""Deviation of each coordinate about its class's centre on the unit sphere."""


def example_embeddings() -> Embeddings:
    """632 unit vectors of 72 classes, the same in every call.

    60 classes have 10 samples, of which in all 30 are exact copies of another sample of their class, as the
    same picture found twice; 20 further copies stand under another class, as the same picture filed
    wrongly, and tie with their originals; the last 12 samples are alone in their class.
    """
    generator = np.random.default_rng(2020)
    labels = np.repeat(np.arange(CLASSES), EACH)
    centres = _unit(generator.standard_normal((CLASSES + LONE, DIMENSIONS)))
    vectors = _unit(centres[labels] + SPREAD * generator.standard_normal((len(labels), DIMENSIONS)))
    pairs = generator.permutation(len(labels) // 2)[:TWINS]
    vectors[2 * pairs] = vectors[2 * pairs + 1]
    misfiled = generator.permutation(len(labels))[:MISFILED]
    return Embeddings(
        np.concatenate([vectors, vectors[misfiled], centres[CLASSES:]]).astype(np.float32),
        np.concatenate([labels, (labels[misfiled] + 1) % CLASSES, np.arange(CLASSES, CLASSES + LONE)]),
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
