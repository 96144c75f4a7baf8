"""Weights in files: read without running code from them, and loaded into a network key by key."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from timm.models import clean_state_dict

from dmlcore import DataError, StudyError

State = dict[str, torch.Tensor]


def check_weights_file(path: Path, keyword: str) -> None:
    """Raises StudyError where `backbone.weights` is not a file."""
    if not path.is_file():
        raise StudyError(
            f'backbone.weights: expected "{keyword}", "random", or the path of a .safetensors or .pth file; got '
            f'"{path.name}", and {path.absolute()} does not exist.'
        )


def sha256(path: Path) -> str:
    """The file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state(path: Path) -> State:
    """The state dict in a .safetensors file, or in a file of torch, there also under "state_dict" or "model".

    Prefixes of DistributedDataParallel and torch.compile are removed. Raises DataError.
    """
    try:
        state = _read(path)
        for wrapper in ("state_dict", "model"):
            state = state.get(wrapper, state)
        state = clean_state_dict(state)
    except Exception as error:  # every reader raises different errors
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"{path} is not a file of weights ({type(error).__name__}: {reason}). Expected a state dict of tensors "
            f"only, as .safetensors or from torch.save."
        ) from None
    return {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def load_state(network: Any, state: State, source: Path) -> None:
    """Load all weights of a timm network without its classifier; the state may include the classifier.

    A state that does not fit is converted by timm's converter for this architecture first: it knows the names of the
    original authors, and resizes position embeddings to another `img_size`.
    Raises DataError with the keys that are missing, unexpected or of another shape.
    """
    faults = _load(network, state)
    if faults:
        faults = _load(network, _converted(network, state)) and faults
    if faults:
        architecture = network.pretrained_cfg["architecture"]
        raise DataError(
            f"{source} does not fit {architecture}: {'; '.join(faults)}. Use weights that were saved from this network."
        )


def _converted(network: Any, state: State) -> State:
    convert = getattr(inspect.getmodule(type(network)), "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return dict(convert(dict(state), network))
    except Exception:  # converters fail in many ways on files that they do not know
        return state


def _load(network: Any, state: State) -> list[str]:
    """Load what fits, and describe what does not."""
    own = network.state_dict()
    reshaped = {key: value for key, value in state.items() if key in own and value.shape != own[key].shape}
    fitting = {key: value for key, value in state.items() if key not in reshaped}
    keys = network.load_state_dict(fitting, strict=False)
    classifier = _classifier_prefixes(network.pretrained_cfg)
    shapes = [
        f"{key}: {tuple(value.shape)} in the file, {tuple(own[key].shape)} in the network"
        for key, value in reshaped.items()
    ]
    return [
        *_fault("missing", [key for key in keys.missing_keys if key not in reshaped]),
        *_fault("unexpected", [key for key in keys.unexpected_keys if not key.startswith(classifier)]),
        *_fault("of another shape", shapes),
    ]


def _classifier_prefixes(pretrained_cfg: Mapping[str, Any]) -> tuple[str, ...]:
    names = pretrained_cfg.get("classifier") or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _fault(what: str, keys: Iterable[str]) -> list[str]:
    keys = list(keys)
    if not keys:
        return []
    shown = ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")
    return [f"{len(keys)} {'key is' if len(keys) == 1 else 'keys are'} {what} ({shown})"]
