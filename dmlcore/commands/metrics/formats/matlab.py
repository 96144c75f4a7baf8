"""Files of MATLAB: .mat of every version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attrs import evolve

from dmlcore.commands.metrics.formats.contents import Contents
from dmlcore.commands.metrics.formats.hdf5 import matlab_hdf5
from dmlcore.commands.metrics.formats.nested import entries, entry_array, entry_text


@contextmanager
def matlab(path: Path) -> Iterator[Contents]:
    from scipy.io import loadmat

    try:
        variables = loadmat(path, simplify_cells=True)
    except NotImplementedError:  # version 7.3
        with matlab_hdf5(path) as contents:
            yield evolve(contents, read=lambda name: _plain(contents.read(name)))
        return
    found = {name: value for name, value in entries(variables).items() if not name.startswith("__")}
    yield Contents(
        path,
        "variable",
        tuple(found),
        lambda name: entry_text(found[name]),
        lambda name: _plain(entry_array(found[name], f"{path}: variable {name!r}")),
    )


def _plain(array: np.ndarray) -> np.ndarray:
    """A row or a column as (N,); whole numbers in it as integers, since MATLAB's numbers are float64 by default."""
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.dtype.kind == "U":
        return np.char.rstrip(array)
    is_whole = array.ndim == 1 and array.dtype.kind == "f" and np.isfinite(array).all() and (array % 1 == 0).all()
    return array.astype(np.int64) if is_whole and (np.abs(array) < 2**53).all() else array
