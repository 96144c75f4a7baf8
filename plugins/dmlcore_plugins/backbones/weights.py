"""Weights in files: read without running code from them, and loaded into a network key by key."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from timm.models import clean_state_dict

from dmlcore import DataError

State = dict[str, torch.Tensor]


def read_state(path: Path) -> State:
    """The state dict in a .safetensors file, or in a file of torch, there also under "state_dict" or "model".

    Prefixes of DistributedDataParallel and torch.compile are removed. Raises DataError.
    """
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
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
    names = network.pretrained_cfg.get("classifier") or ()
    classifier = tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))
    shapes = [
        f"{key}: {tuple(value.shape)} in the file, {tuple(own[key].shape)} in the network"
        for key, value in reshaped.items()
    ]
    return [
        *_fault("missing", [key for key in keys.missing_keys if key not in reshaped]),
        *_fault("unexpected", [key for key in keys.unexpected_keys if not key.startswith(classifier)]),
        *_fault("of another shape", shapes),
    ]


def _fault(what: str, keys: Sequence[str]) -> list[str]:
    if not keys:
        return []
    shown = ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")
    return [f"{len(keys)} {'key is' if len(keys) == 1 else 'keys are'} {what} ({shown})"]
