"""Where timm's pretrained weights are: in a cache on this machine, else at an address that responds. Without torch."""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.utils import get_session  # type: ignore[attr-defined] # public, by lazy import

from dmlcore import DataError, StudyError
from dmlcore_plugins.backbones.timm_index import Index, Network

TIMEOUT_S = 4
"""Seconds in which an address must respond, including the search for its name."""


def require_pretrained(index: Index, model: str) -> None:
    """Raise StudyError where timm has no weights of a model, DataError where they are neither cached nor reachable."""
    network = index.find(model)
    if not network.has_weights:
        others = index.sisters(model)
        choice = f"one of {', '.join(others)} as backbone.model, or " if others else ""
        raise StudyError(
            f'timm has no pretrained weights for "{model}". Set {choice}backbone.weights = "random" or a file.'
        )
    if cached_file(network) is not None:
        return
    folder, address, file = _place(network)
    if not responds(address):
        raise DataError(
            f"The weights of {network.full_name} are not in the cache ({folder}), and {address} does not respond.",
            f'Download {file} and set backbone.weights to the path of that file, or set backbone.weights = "random".',
        )


def pretrained_source(index: Index, model: str) -> dict[str, Any]:
    """Overrides of timm's settings with which the weights of a model load, or fail, immediately.

    By itself, timm asks the hub even for a cached file, and retries for most of a minute where it does not respond.
    Raises as `require_pretrained`.
    """
    require_pretrained(index, model)
    network = index.find(model)
    cached = cached_file(network)
    return {"file": str(cached), "custom_load": False} if network.hub_id and cached else {}


def cached_file(network: Network) -> Path | None:
    """The file of a network's weights in the cache of the hub or of torch; None if it is not there."""
    if not network.hub_id:
        file = _torch_folder() / Path(urlsplit(network.url).path).name
        return file if file.is_file() else None
    repository, _, revision = network.hub_id.partition("@")
    for filename in filter(None, (network.hub_file, constants.SAFETENSORS_SINGLE_FILE, constants.PYTORCH_WEIGHTS_NAME)):
        found = try_to_load_from_cache(repository, filename, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def _place(network: Network) -> tuple[str, str, str]:
    """The folder of the cache, and the addresses of the server and of the file."""
    if not network.hub_id:
        parts = urlsplit(network.url)
        return str(_torch_folder()), f"{parts.scheme}://{parts.netloc}", network.url
    repository, _, revision = network.hub_id.partition("@")
    file = network.hub_file or constants.SAFETENSORS_SINGLE_FILE
    address = f"{constants.ENDPOINT}/{repository}/resolve/{revision or 'main'}/{file}"
    return str(constants.HF_HUB_CACHE), constants.ENDPOINT, address


def _torch_folder() -> Path:
    """Where torch.hub stores downloads."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache_home}/torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


@cache
def responds(address: str) -> bool:
    """Whether a server answers one request in time. A search for its name can't be limited, so a thread does it."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            get_session().head(address, timeout=TIMEOUT_S)
        except Exception:  # of requests or httpx, by the version of huggingface_hub; or its offline mode
            return
        answers.append(True)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(TIMEOUT_S)
    return bool(answers)
