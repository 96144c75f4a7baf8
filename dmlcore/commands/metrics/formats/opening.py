"""Opening a file of embeddings by its suffix, and what to do with one that can't be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from dmlcore.commands.metrics.formats.arrays import npy, npz
from dmlcore.commands.metrics.formats.arrow import arrow
from dmlcore.commands.metrics.formats.contents import Contents, one_line, saving, unsafe
from dmlcore.commands.metrics.formats.hdf5 import hdf5
from dmlcore.commands.metrics.formats.matlab import matlab
from dmlcore.commands.metrics.formats.tensors import safetensors, torch_file
from dmlcore.commands.metrics.formats.text import table
from dmlcore.errors import DataError
from dmlcore.text import listing

Reader = Callable[[Path], AbstractContextManager[Contents]]

READERS: dict[str, Reader] = {
    ".npz": npz,
    ".npy": npy,
    ".safetensors": safetensors,
    ".pt": torch_file,
    ".pth": torch_file,
    ".parquet": arrow,
    ".feather": arrow,
    ".arrow": arrow,
    ".csv": table,
    ".tsv": table,
    ".txt": table,
    ".h5": hdf5,
    ".hdf5": hdf5,
    ".mat": matlab,
}


@contextmanager
def opened(path: Path, readers: dict[str, Reader] = READERS, what: str = "embeddings") -> Iterator[Contents]:
    """The contents of a file of embeddings or labels. Raises DataError if it is missing, damaged or unknown."""
    if path.is_dir():
        inside = path / "embeddings.safetensors"
        raise DataError(f"{path} is a folder.{f' Use {inside}.' if inside.is_file() else ''}")
    if not path.exists():
        raise DataError(f"{path}: no such file.")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise (
            DataError(f"{path}: unknown format. Save labels as .npy, .txt or .csv.")
            if what == "labels"
            else _unread(path)
        )
    try:
        with reader(path) as contents:
            yield contents
    except DataError:
        raise
    except Exception as error:  # on damaged bytes the parsers raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: can't be read as {path.suffix.lower()}: {reason}") from None


def _unread(path: Path) -> DataError:
    """The error for a format without a reader, with the line of Python that converts it."""
    suffix, name = path.suffix.lower(), path.as_posix()
    if suffix in (".index", ".faiss", ".ivf"):
        target = path.with_suffix(".npy")
        code = f"import faiss, numpy; numpy.save({target.as_posix()!r}, faiss.read_index({name!r}).reconstruct_n())"
        return DataError(
            f"{path}: an index of faiss has vectors but no labels.",
            f"Convert it: {one_line(code)}\nThen give the labels in a file: dmlcore metrics {target} --labels FILE",
        )
    if suffix in (".pkl", ".pickle", ".joblib"):
        load = f"joblib.load({name!r})" if suffix == ".joblib" else f"pickle.loads(pathlib.Path({name!r}).read_bytes())"
        library = "joblib" if suffix == ".joblib" else "pathlib, pickle"
        return unsafe(str(path), f"import numpy, {library}; d = {load}; {saving(path.with_suffix('.npz'), 'd')}")
    if suffix == ".json":
        load = f"d = json.loads(pathlib.Path({name!r}).read_text())"
        code = f"import json, numpy, pathlib; {load}; {saving(path.with_suffix('.npz'), 'd')}"
        return DataError(f"{path}: JSON has many forms.", f"Convert it, with the names in it: {one_line(code)}")
    return DataError(f"{path}: unknown format. Save embeddings as one of {listing(READERS)}.")
