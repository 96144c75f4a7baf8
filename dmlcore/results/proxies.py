"""The class vectors that a loss learned, and the training classes that they belong to, stored next to a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from attrs import frozen

from dmlcore.api.result import Result
from dmlcore.api.stored import damaged
from dmlcore.results.class_names import CLASS_NAMES, names_from_text, names_to_text
from dmlcore.results.store import PROXIES, RunFolder, load_tensors, save_tensors


@frozen(eq=False)
class Proxies:
    """P vectors that a loss learned for C training classes, and the embeddings of these classes after training.

    vectors: (P, D) float32, of any length; labels: (P,) int64, indices into class_names. means: (C, D) float32, the
    mean of the L2-normalized embeddings of a class; images: (C,) int64, the number of images in each mean.
    """

    vectors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    means: npt.NDArray[np.float32]
    images: npt.NDArray[np.int64]
    class_names: tuple[str, ...]


_ARRAYS = set(attrs.fields_dict(Proxies)) - {"class_names"}


def save_proxies(path: Path, proxies: Proxies) -> None:
    """Write the proxies as one safetensors file, atomically."""
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(proxies, name) for name in _ARRAYS}
    save_tensors(path, arrays, {CLASS_NAMES: names_to_text(proxies.class_names)})


def proxies_of_run(folder: RunFolder, result: Result) -> Proxies | None:
    """Return the proxies of a finished run; None if its loss has none, and for results of older versions.

    Raises DamagedResultsError if the file is damaged or deleted, and ResultsError if the system can't read it.
    """
    path = folder.final / PROXIES
    if PROXIES not in result.files and not path.exists():
        return None
    arrays, metadata = load_tensors(path, result.files.get(PROXIES))
    try:
        proxies = Proxies(class_names=names_from_text(metadata[CLASS_NAMES]), **{n: arrays[n] for n in _ARRAYS})
    except KeyError as error:
        raise damaged(str(path), "file", f"no {error}") from None
    if problem := _problem(proxies):
        raise damaged(str(path), "file", problem)
    return proxies


def _problem(proxies: Proxies) -> str:
    """Return why arrays do not fit together, as in a damaged file without a checksum; empty if they do."""
    count, classes, dims = len(proxies.labels), len(proxies.class_names), proxies.vectors.shape[-1:]
    shapes = {"vectors": (count, *dims), "labels": (count,), "means": (classes, *dims), "images": (classes,)}
    for name, shape in shapes.items():
        if getattr(proxies, name).shape != shape:
            return f"{name} has the shape {getattr(proxies, name).shape}"
    if not np.array_equal(np.unique(proxies.labels), np.arange(classes)):
        return f"labels are not indices below {classes:,}, each at least once"
    return ""
