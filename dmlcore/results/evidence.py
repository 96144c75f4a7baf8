"""What explains a run's metrics, measured on its test embeddings and stored beside its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.results.store import load_tensors, save_tensors

QUERY = "query/"
"""Starts the name of an array with one value a query."""


@frozen(eq=False)
class Evidence:
    """N test embeddings, of D dimensions, looked at from within.

    labels: (N,) int64, indices into class_names.
    queries: evaluator/metric → (N,) float64, each query's own value, whose mean is the metric; NaN where left out.
    spectrum: (min(N, D),), shares of the variance along the principal axes, falling, of sum 1; zeros where all
    embeddings are one point.
    similarity_edges: (bins + 1,), cosines; positive_density, negative_density: (bins,), how the cosines of pairs of
    one class, and of two, are spread, each of integral 1; zeros where there is no such pair.
    neighbors: (N, K) int32, the nearest others of each image, the nearest first, by cosine; neighbor_similarities:
    (N, K) float32, their cosines.
    """

    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    queries: Mapping[str, npt.NDArray[np.float64]]
    spectrum: npt.NDArray[np.float64]
    similarity_edges: npt.NDArray[np.float64]
    positive_density: npt.NDArray[np.float64]
    negative_density: npt.NDArray[np.float64]
    neighbors: npt.NDArray[np.int32]
    neighbor_similarities: npt.NDArray[np.float32]


_ARRAYS = (
    "labels",
    "spectrum",
    "similarity_edges",
    "positive_density",
    "negative_density",
    "neighbors",
    "neighbor_similarities",
)


def save_evidence(path: Path, evidence: Evidence) -> None:
    """Writes the evidence as one safetensors file, atomically."""
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(evidence, name) for name in _ARRAYS}
    arrays |= {f"{QUERY}{metric}": values for metric, values in evidence.queries.items()}
    save_tensors(path, arrays, {"class_names": json.dumps(evidence.class_names, ensure_ascii=False)})


def load_evidence(path: Path) -> Evidence:
    """The stored evidence. Raises DmlcoreError where the file is missing or damaged."""
    arrays, metadata = load_tensors(path)
    return Evidence(
        class_names=tuple(json.loads(metadata["class_names"])),
        queries={name.removeprefix(QUERY): a for name, a in arrays.items() if name.startswith(QUERY)},
        **{name: arrays[name] for name in _ARRAYS},
    )
