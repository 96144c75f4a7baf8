"""timm's pretrained weights: from the cache where they lie there, else from a hub that answers."""

from __future__ import annotations

from typing import Any

import timm
from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.utils import get_session  # type: ignore[attr-defined] # public, by lazy import

from dmlcore import DataError, StudyError

SECONDS_TO_ANSWER = 10


def pretrained_source(model: str) -> dict[str, Any]:
    """What to lay over timm's settings of a model so that its weights load, or fail, at once.

    Left alone, timm asks the hub even for a cached file, and where it does not answer, keeps trying for most of
    a minute. Raises StudyError where timm has no weights, DataError where they can't be had from here.
    """
    settings = timm.get_pretrained_cfg(model)
    if settings is None or not settings.has_weights:
        raise StudyError(_no_weights(model))
    if not settings.hf_hub_id:
        return {}
    repository, _, revision = settings.hf_hub_id.partition("@")
    for filename in (constants.SAFETENSORS_SINGLE_FILE, constants.PYTORCH_WEIGHTS_NAME):
        cached = try_to_load_from_cache(repository, filename, revision=revision or None)
        if isinstance(cached, str):
            return {"file": cached, "custom_load": False}
    if not hub_answers():
        raise DataError(
            f"The weights of {settings.architecture}.{settings.tag} are not in the cache "
            f"({constants.HF_HUB_CACHE}), and {constants.ENDPOINT} does not answer. Where there is a network, "
            f"fetch {constants.ENDPOINT}/{repository}/resolve/{revision or 'main'}/model.safetensors, and set "
            f'backbone.weights to the path of that file; or set backbone.weights = "random".'
        )
    return {}


def hub_answers() -> bool:
    """Whether the hub is reachable, asked once."""
    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS_TO_ANSWER)
    except Exception:  # of requests or httpx, by the version of huggingface_hub; or its offline mode
        return False
    return True


def _no_weights(model: str) -> str:
    architecture = model.partition(".")[0]
    others = timm.list_models(architecture, pretrained=True, include_tags=True)
    choice = f"one of {', '.join(others)} as backbone.model, or " if others else ""
    return f'timm has no pretrained weights for "{model}". Set {choice}backbone.weights = "random" or a file.'
