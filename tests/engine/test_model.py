"""Backbone, pooling, head and normalisation, put together as the study says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from attrs import evolve
from torch import nn

from dmlcore import PluginError
from dmlcore.engine.model import build_model, pooled
from toy_networks import TinyNet
from toys import Tiny


def built(make_study: Any, *overrides: str) -> Any:
    return build_model(make_study(*overrides).runs[0]).eval()


def test_embeddings_are_linear_features_of_unit_length(make_study: Any) -> None:
    model = built(make_study, "embedding.dim=5")
    images = torch.randn(4, 3, 8, 8)
    embeddings = model(images)
    expected = model.backbone(images) @ model.linear.weight.T + model.linear.bias
    assert torch.allclose(embeddings, expected / expected.norm(dim=1, keepdim=True), atol=1e-6)
    assert model.embedding_dim == 5


def test_the_head_can_be_left_out(make_study: Any) -> None:
    model = built(make_study, 'embedding.dim="features"', "embedding.normalize=false")
    images = torch.randn(4, 3, 8, 8)
    assert torch.equal(model(images), model.backbone(images))
    assert model.embedding_dim == 8


def test_layer_norm_without_parameters(make_study: Any) -> None:
    model = built(make_study, 'embedding.dim="features"', "embedding.normalize=false", "embedding.layer_norm=true")
    embeddings = model(torch.randn(4, 3, 8, 8))
    assert embeddings.mean(1).abs().max() < 1e-6
    assert not list(model.norm.parameters())


@pytest.mark.parametrize("pooling", ["avg", "max", "avg+max"])
def test_pooling(make_study: Any, pooling: Any) -> None:
    feature_map = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert pooled(feature_map, pooling).tolist() == [[{"avg": 3.0, "max": 6.0, "avg+max": 9.0}[pooling]]]
    model = built(make_study, f'embedding.pooling="{pooling}"', 'embedding.dim="features"')
    assert model(torch.randn(2, 3, 8, 8)).shape == (2, 8)


def test_weights_depend_on_the_seed_alone(make_study: Any) -> None:
    first, second = make_study().runs
    torch.manual_seed(5)
    weights = build_model(first).linear.weight
    assert torch.equal(weights, build_model(first).linear.weight)
    assert not torch.equal(weights, build_model(second).linear.weight)


def test_the_head_stays_in_float32_under_autocast(make_study: Any) -> None:
    model = built(make_study)
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = model(torch.randn(2, 3, 8, 8))
    assert embeddings.dtype == torch.float32
    assert embeddings.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-6)


class WrongShape(TinyNet):
    feature_dim = 9


class NoSpec(nn.Identity):
    feature_dim = 8


class TooSmall(TinyNet):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("kernel larger than input\nmore")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (WrongShape(False), r"The backbone 'tiny' returns \(1, 8\); expected features \(1, 9\)"),
        (TinyNet(True), r"The backbone 'tiny' returns \(1, 8, 3, 3\); expected features \(1, 8\)"),
        (NoSpec(), "The module of the backbone 'tiny' needs the attributes feature_dim .* input_spec"),
        (TooSmall(False), "The backbone 'tiny' .* images of 8 px: kernel larger than input$"),
    ],
)
def test_a_backbone_that_breaks_its_promise(
    make_study: Any, monkeypatch: pytest.MonkeyPatch, module: nn.Module, message: str
) -> None:
    monkeypatch.setattr(Tiny, "build", lambda *_: module)
    with pytest.raises(PluginError, match=message):
        build_model(evolve(make_study().runs[0]))
