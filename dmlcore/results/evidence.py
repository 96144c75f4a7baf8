"""The evidence that explains a run's metrics, measured on its test embeddings and stored next to its result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.api.result import Result
from dmlcore.api.stored import damaged
from dmlcore.results.class_names import CLASS_NAMES, names_from_text, names_to_text
from dmlcore.results.proxies import proxies_of_run
from dmlcore.results.store import EVIDENCE, UNTRAINED_EVIDENCE, RunFolder, load_tensors, save_tensors

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


def load_evidence(path: Path, expected: str | None = None) -> Evidence:
    """Return the stored evidence; `expected` is the file's checksum, if known.

    Raises DamagedResultsError if the file is missing or damaged, and ResultsError if the system can't read it.
    """
    arrays, metadata = load_tensors(path, expected)
    try:
        evidence = Evidence(
            class_names=names_from_text(metadata[CLASS_NAMES]),
            queries={name.removeprefix(QUERY): a for name, a in arrays.items() if name.startswith(QUERY)},
            **{name: arrays[name] for name in _ARRAYS},
        )
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(str(path), "file", f"no {error}" if isinstance(error, KeyError) else str(error)) from None
    if problem := _problem(evidence):
        raise damaged(str(path), "file", problem)
    return evidence


def evidence_of_run(folder: RunFolder, result: Result, name: str = EVIDENCE) -> Evidence | None:
    """Return the evidence of a finished run; None for results of older versions, which stored none.

    Raises DamagedResultsError or ResultsError as `load_evidence` does.
    """
    path = folder.final / name
    return load_evidence(path, result.files.get(name)) if name in result.files or path.exists() else None


def intact_result(folder: RunFolder) -> Result:
    """Return the result of a finished run of which a report can read everything but the network and embeddings.

    Raises DamagedResultsError or ResultsError if it can't.
    """
    result = folder.result()
    for name in (EVIDENCE, UNTRAINED_EVIDENCE):
        evidence_of_run(folder, result, name)
    proxies_of_run(folder, result)
    return result


def _problem(evidence: Evidence) -> str:
    """Return why arrays do not fit together, as in a damaged file without a checksum; empty if they do."""
    count, bins = len(evidence.labels), len(evidence.positive_density)
    shapes: dict[str, tuple[npt.NDArray[Any], tuple[int, ...]]] = {
        "labels": (evidence.labels, (count,)),
        "spectrum": (evidence.spectrum, (len(evidence.spectrum),)),
        "similarity_edges": (evidence.similarity_edges, (bins + 1,)),
        "positive_density": (evidence.positive_density, (bins,)),
        "negative_density": (evidence.negative_density, (bins,)),
        "neighbors": (evidence.neighbors, (count, *evidence.neighbors.shape[1:2])),
        "neighbor_similarities": (evidence.neighbor_similarities, evidence.neighbors.shape),
        **{f"{QUERY}{name}": (values, (count,)) for name, values in evidence.queries.items()},
    }
    for name, (array, shape) in shapes.items():
        if array.shape != shape:
            return f"{name} has the shape {array.shape}"
    for name, most in (("labels", len(evidence.class_names)), ("neighbors", count)):
        array = shapes[name][0]
        if not np.issubdtype(array.dtype, np.integer) or (array.size and not 0 <= array.min() <= array.max() < most):
            return f"{name} are not indices below {most:,}"
    return ""
