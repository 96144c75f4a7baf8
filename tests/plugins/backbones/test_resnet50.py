"""The ResNet-50 of the literature: torchvision's network, under timm's name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from dmlcore import BackboneContext, DataError, InputSpec
from dmlcore_plugins.backbones import hub
from dmlcore_plugins.backbones.resnet50 import ResNet50


def test_takes_torchvisions_file_and_gives_its_features(tmp_path: Path) -> None:
    reference = torchvision.models.resnet50(weights=None).eval()
    torch.save(reference.state_dict(), tmp_path / "resnet50-0676ba61.pth")
    reference.fc = torch.nn.Identity()
    weights = tmp_path / "resnet50-0676ba61.pth"
    backbone = ResNet50(weights=weights).build(BackboneContext()).eval()
    assert backbone.feature_dim == 2048
    assert backbone.provenance.startswith("resnet50-0676ba61.pth, sha256 ")
    assert backbone.input_spec == InputSpec(
        size=224,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation="bilinear",
        crop_pct=0.875,
    )
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone(images), reference(images))


def test_imagenet_means_the_pinned_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(hub, "responds", lambda _: False)
    with pytest.raises(DataError, match=r"^The weights of resnet50\.tv_in1k are not in the cache"):
        ResNet50().build(BackboneContext())


def test_the_feature_map() -> None:
    backbone = ResNet50(weights="random").build(BackboneContext(feature_map=True))
    assert backbone.feature_dim == 2048
    assert backbone(torch.zeros(2, 3, 64, 96)).shape == (2, 2048, 2, 3)
    assert backbone.provenance == "random"


def test_a_smoke_run_downloads_nothing() -> None:
    assert ResNet50().for_smoke() == ResNet50(weights="random")
    assert ResNet50(weights=Path("my.pth")).for_smoke() == ResNet50(weights=Path("my.pth"))
