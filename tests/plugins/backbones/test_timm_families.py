"""Networks of timm, family by family: features of the promised width, or a refusal in words."""

from __future__ import annotations

import pytest
import timm
import torch

from dmlcore import BackboneContext, StudyError
from dmlcore_plugins.backbones.timm import Timm

SMALL = sorted(timm.list_models("test_*"))
"""timm's own networks for tests, of many families."""

OTHERS = (
    "deit_tiny_patch16_224",
    "efficientnet_lite0",
    "ghostnet_050",
    "lcnet_035",
    "mobilenetv3_small_050",
    "regnetx_002",
    "repvgg_a0",
    "swin_tiny_patch4_window7_224",
)
TOKENS = {"deit_tiny_patch16_224", "test_vit", "test_vit2", "test_vit3", "test_vit4", "test_vit_relpos"}
"""Those that have no feature map."""


def outcome(model: str, *, feature_map: bool) -> str:
    """What comes of a network: "features", or the words of the refusal. Raises where it breaks its promise."""
    try:
        backbone = Timm(model=model, weights="random").build(BackboneContext(feature_map=feature_map)).eval()
    except StudyError as refusal:
        return str(refusal)
    size = backbone.input_spec.size
    with torch.no_grad():
        features = backbone(torch.zeros(1, 3, size, size))
    assert features.shape[:2] == (1, backbone.feature_dim), model
    assert features.ndim == (4 if feature_map else 2), model
    return "features"


def check(model: str) -> None:
    assert outcome(model, feature_map=False) == "features"
    mapped = outcome(model, feature_map=True)
    if model in TOKENS:
        assert "tokens" in mapped
    else:
        assert mapped == "features"


@pytest.mark.parametrize("model", [*SMALL, *(pytest.param(model, marks=pytest.mark.slow) for model in OTHERS)])
def test_gives_features_and_a_map_or_says_why_not(model: str) -> None:
    check(model)


@pytest.mark.parametrize("model", OTHERS)
def test_gives_the_shapes_of_features_and_a_map_or_says_why_not(model: str) -> None:
    """On the meta device: no weight is drawn, no image computed."""
    with torch.device("meta"):
        check(model)


def test_there_are_many_small_networks() -> None:
    assert len(SMALL) > 10


@pytest.mark.slow
def test_every_network_of_timm_gives_features_or_says_why_not() -> None:
    """Shapes alone, on the meta device: no weight is drawn, no image computed."""
    with torch.device("meta"):
        outcomes = {model: outcome(model, feature_map=False) for model in timm.list_models()}
    refused = {model: words for model, words in outcomes.items() if words != "features"}
    assert len(refused) < len(outcomes) / 50, refused
