"""What is wrong with a backbone of timm, found without building it and without torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dmlcore import BackboneContext, DataError, StudyError
from dmlcore_plugins.backbones.hub import require_pretrained
from dmlcore_plugins.backbones.timm_index import Network, index
from dmlcore_plugins.backbones.weight_files import require_weights_file


def check_timm(
    model: str,
    weights: str | Path,
    context: BackboneContext,
    *,
    keyword: str = "pretrained",
    img_size: int | None = None,
) -> Sequence[str]:
    """Return notes on what could not be checked; weights, keyword and img_size are as in `build_timm`.

    Raises StudyError for a name or a size that timm does not have, DataError for weights that are not available.
    """
    if isinstance(weights, Path):
        require_weights_file(weights, keyword)
    try:
        known = index()
    except DataError as error:
        return [f"The name of the network and its weights were not checked: {error}"]
    network = known.find(model)
    _check_size(model, network, context.image_size, img_size)
    if weights == keyword:
        require_pretrained(known, model)
    return []


def _check_size(model: str, network: Network, image_size: int | None, img_size: int | None) -> None:
    """Raise StudyError if the images will not have the size that the network is built for."""
    if not network.height:
        return
    if img_size is None and network.width != network.height:
        raise StudyError(
            f"{model} expects images of {network.width}×{network.height} pixels, but images are square here: "
            "set backbone.img_size."
        )
    expected = img_size or network.height
    if not network.fixed_size or image_size in (None, expected):
        return
    raise StudyError(
        f"{model} expects images of {expected}×{expected} pixels, but transforms.size = {image_size}. Set "
        f"backbone.img_size = {image_size}, or transforms.size = {expected}.{_whole_patches(model, image_size)}"
    )


def _whole_patches(model: str, size: int | None) -> str:
    """A sentence with the nearest sizes that consist of whole patches, if the size does not; else empty."""
    found = re.search(r"patch(\d+)", model)
    if found is None or size is None or size % (patch := int(found[1])) == 0:
        return ""
    below = size - size % patch
    near = " and ".join(str(each) for each in (below, below + patch) if each)
    return f" Its patches have {patch} pixels: {near} are the nearest sizes without a rest."
