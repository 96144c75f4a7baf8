"""timm's pretrained weights: from the cache, else from the hub if it responds."""

from __future__ import annotations

from typing import Any

import timm
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.utils import get_session  # type: ignore[attr-defined] # public, by lazy import

from dmlcore import DataError, StudyError

TIMEOUT_S = 10


def pretrained_source(model: str) -> dict[str, Any]:
    """Overrides of timm's settings with which the weights of a model load, or fail, immediately.

    By itself, timm asks the hub even for a cached file, and retries for most of a minute where it does not respond.
    Raises StudyError where timm has no weights, DataError where they are not available here.
    """
    settings = timm.get_pretrained_cfg(model)
    if settings is None or not settings.has_weights:
        others = timm.list_models(model.partition(".")[0], pretrained=True, include_tags=True)
        choice = f"one of {', '.join(others)} as backbone.model, or " if others else ""
        raise StudyError(
            f'timm has no pretrained weights for "{model}". Set {choice}backbone.weights = "random" or a file.'
        )
    if not settings.hf_hub_id:
        return {}
    repository, _, revision = settings.hf_hub_id.partition("@")
    for filename in (constants.SAFETENSORS_SINGLE_FILE, constants.PYTORCH_WEIGHTS_NAME):
        cached = try_to_load_from_cache(repository, filename, revision=revision or None)
        if isinstance(cached, str):
            return {"file": cached, "custom_load": False}
    if not hub_responds():
        raise DataError(
            f"The weights of {settings.architecture}.{settings.tag} are not in the cache "
            f"({constants.HF_HUB_CACHE}), and {constants.ENDPOINT} does not respond.",
            f"Download {constants.ENDPOINT}/{repository}/resolve/{revision or 'main'}/model.safetensors and set "
            f'backbone.weights to the path of that file, or set backbone.weights = "random".',
        )
    return {}


def hub_responds() -> bool:
    """Whether the hub is reachable, with one request."""
    try:
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT_S)
    except Exception:  # of requests or httpx, by the version of huggingface_hub; or its offline mode
        return False
    return True
