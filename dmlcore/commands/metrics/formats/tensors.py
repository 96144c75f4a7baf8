"""Tensors: .safetensors, and the files of torch.save."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from dmlcore.commands.metrics.formats.contents import Contents, saving, unsafe
from dmlcore.commands.metrics.formats.nested import UNNAMED, entries, entry_array, entry_text
from dmlcore.errors import DataError
from dmlcore.results.class_names import CLASS_NAMES, names_from_text


@contextmanager
def safetensors(path: Path) -> Iterator[Contents]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:

        def describe(name: str) -> str:
            stored = file.get_slice(name)
            return f"{stored.get_dtype()} {tuple(stored.get_shape())}"

        def read(name: str) -> np.ndarray:
            if file.get_slice(name).get_dtype() == "BF16":
                return _bfloat16(path, name)
            return np.asarray(file.get_tensor(name))

        class_names = names_from_text((file.metadata() or {}).get(CLASS_NAMES, ""))
        yield Contents(
            path,
            "tensor",
            file.keys(),
            describe,
            read,
            class_names=class_names,
        )


def _bfloat16(path: Path, name: str) -> np.ndarray:
    """bfloat16, the upper half of a float32; numpy has no such type."""
    from safetensors import deserialize

    stored = dict(deserialize(path.read_bytes()))[name]  # type: ignore[no-untyped-call]
    halves = np.frombuffer(stored["data"], "<u2").astype(np.uint32)
    return (halves << 16).view(np.float32).reshape(stored["shape"])


@contextmanager
def torch_file(path: Path) -> Iterator[Contents]:
    """A tensor, or a dictionary, list or tuple of them; also of numpy arrays, and of lists of numbers or strings."""
    found = {name: _plain(value) for name, value in entries(_loaded(path)).items()}
    yield Contents(
        path,
        "value",
        tuple(found),
        lambda name: entry_text(found[name]),
        lambda name: entry_array(found[name], f"{path}: value {name!r}"),
        only=UNNAMED if UNNAMED in found and len(found) == 1 else None,
    )


def _loaded(path: Path) -> Any:
    import torch

    with warnings.catch_warnings(), torch.serialization.safe_globals(_plain_types()):
        warnings.simplefilter("ignore")  # about pickles of another protocol, which are refused in any case
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            if "can still be loaded" not in str(error):
                raise DataError(f"{path}: can't be read as {path.suffix.lower()}: not written by torch.save") from None
    load = f"d = torch.load({path.as_posix()!r}, weights_only=False)"
    raise unsafe(str(path), f"import numpy, torch; {load}; {saving(path.with_suffix('.npz'), 'd')}")


def _plain_types() -> list[Any]:
    """What torch may build from a file in addition to tensors: arrays and scalars of numpy."""
    from numpy._core import multiarray

    codes = "?US" + np.typecodes["AllInteger"] + np.typecodes["Float"]
    return [multiarray._reconstruct, multiarray.scalar, np.ndarray, np.dtype, *(type(np.dtype(code)) for code in codes)]


def _plain(value: Any) -> Any:
    """Tensors as arrays, also those in a list; everything else as it is."""
    import torch

    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, torch.Tensor):
        return value
    tensor = value.detach().to_dense() if value.layout != torch.strided else value.detach()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
