"""The evidence that explains a run's metrics, measured on its test embeddings and stored next to its result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.results.class_names import CLASS_NAMES, names_from_text, names_to_text
from dmlcore.results.store import load_tensors, save_tensors

QUERY = "query/"
"""Prefix of the names of arrays with one value per query."""


@frozen(eq=False)
class Evidence:
    """Evidence from N test embeddings of D dimensions.

    labels: (N,) int64, indices into class_names.
    queries: evaluator/metric → (N,) float64, the values per query, with the metric as mean; NaN for excluded queries.
    spectrum: (min(N, D),), shares of the variance along the principal axes, falling, of sum 1; zeros if all embeddings
    are equal.
    similarity_edges: (bins + 1,), cosines; positive_density, negative_density: (bins,), densities of the cosines of
    pairs of one class, and of two, each of integral 1; zeros if there is no such pair.
    neighbors: (N, K) int32, the nearest others of each image by cosine, nearest first; neighbor_similarities:
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


_ARRAYS = set(attrs.fields_dict(Evidence)) - {"class_names", "queries"}


def save_evidence(path: Path, evidence: Evidence) -> None:
    """Write the evidence as one safetensors file, atomically."""
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(evidence, name) for name in _ARRAYS}
    arrays |= {f"{QUERY}{metric}": values for metric, values in evidence.queries.items()}
    save_tensors(path, arrays, {CLASS_NAMES: names_to_text(evidence.class_names)})


def load_evidence(path: Path) -> Evidence:
    """Return the stored evidence. Raises DmlcoreError if the file is missing or damaged."""
    arrays, metadata = load_tensors(path)
    return Evidence(
        class_names=names_from_text(metadata[CLASS_NAMES]),
        queries={name.removeprefix(QUERY): a for name, a in arrays.items() if name.startswith(QUERY)},
        **{name: arrays[name] for name in _ARRAYS},
    )
