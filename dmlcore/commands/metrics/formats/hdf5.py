"""HDF5: .h5, .hdf5, and .mat files that MATLAB saves with -v7.3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dmlcore.commands.metrics.formats.contents import Contents, of_objects
from dmlcore.errors import DataError


@contextmanager
def hdf5(path: Path) -> Iterator[Contents]:
    with _datasets(path) as found:

        def read(name: str) -> np.ndarray:
            stored = found[name]
            if stored.dtype == object and _is_text(stored):
                return of_objects(stored.asstr()[()].ravel(), f"{path}: dataset {name!r}")
            return np.asarray(stored[()])

        yield Contents(path, "dataset", tuple(found), lambda name: _type_text(found[name]), read)


@contextmanager
def matlab_hdf5(path: Path) -> Iterator[Contents]:
    """MATLAB stores a matrix by columns, so that HDF5 has it transposed, and the strings of a cell array apart."""
    with _datasets(path) as found:

        def read(name: str) -> np.ndarray:
            stored = found[name]
            values = stored[()]
            kind = stored.attrs.get("MATLAB_class", b"")
            if kind == b"cell":
                return np.array([_characters(stored.file[reference][()]) for reference in values.ravel()], dtype=str)
            if kind == b"char":
                return np.array([_characters(row) for row in values.T], dtype=str)
            return np.asarray(values.T)

        own = [name for name in found if not name.startswith("#")]
        yield Contents(path, "variable", own, lambda name: _type_text(found[name]), read)


@contextmanager
def _datasets(path: Path) -> Iterator[dict[str, Any]]:
    """The datasets of a file by their paths in it; links to other files are not followed."""
    try:
        import h5py
    except ImportError:
        raise DataError(f"{path}: reading HDF5 needs h5py. Install it: pip install 'dmlcore[hdf5]'") from None

    with h5py.File(path, "r") as file:
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: found.update({name: item} if isinstance(item, h5py.Dataset) else {}))
        yield found


def _is_text(stored: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(stored.dtype) is not None


def _type_text(stored: Any) -> str:
    return f"{'text' if _is_text(stored) else stored.dtype} {stored.shape}"


def _characters(codes: np.ndarray) -> str:
    return "".join(map(chr, codes.ravel())).rstrip()
