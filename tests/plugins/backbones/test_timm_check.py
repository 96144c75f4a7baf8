"""What `dmlcore check` finds about backbones of timm without building them: names, sizes, weights."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants

from dmlcore import BackboneContext, DataError, StudyError
from dmlcore_plugins.backbones import hub, timm_check, timm_index
from dmlcore_plugins.backbones.resnet50 import ResNet50
from dmlcore_plugins.backbones.timm import Timm
from running import python

POOLED = BackboneContext()


def refused(backbone: Timm | ResNet50, context: BackboneContext = POOLED) -> str:
    with pytest.raises((StudyError, DataError)) as refusal:
        backbone.check(context)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("clip", "vit_base_patch16_clip_224."),
        ("dinov2_vits14", "vit_small_patch14_dinov2.lvd142m"),
        ("dinov2_vitb14_reg", "vit_base_patch14_reg4_dinov2.lvd142m"),
        ("facebook/dinov2-small", "vit_small_patch14_dinov2.lvd142m"),
        ("ViT-B/32", "vit_base_patch32_224."),
        ("ResNet-50", "resnet50."),
        ("resnet5000", "resnet50"),
        ("resnet50.tv_in2k", "resnet50.tv_in1k"),
        ("convnext_tiny_in22ft1k", "convnext_tiny.fb_in22k_ft_in1k"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    said = refused(Timm(model=name, weights="random"))
    assert said.startswith(f'backbone.model: timm {timm.__version__} has no model "{name}". Nearest: {nearest}')


def test_every_name_that_timm_builds_passes() -> None:
    known = timm_index.index()
    assert set(known.networks) == {*timm.list_models(), *timm.list_models(include_tags=True)}
    for name in ("resnet50", "vit_small_patch14_dinov2", "test_vit"):
        settings = timm.get_pretrained_cfg(name)
        assert known.find(name).full_name == f"{settings.architecture}.{settings.tag}"
        assert known.find(name).fixed_size == settings.fixed_input_size


@pytest.mark.parametrize(
    ("size", "rest"),
    [
        (96, ""),
        (100, " Its patches have 16 pixels: 96 and 112 are the nearest sizes without a rest."),
        (9, " Its patches have 16 pixels: 16 are the nearest sizes without a rest."),
    ],
)
def test_a_size_that_a_transformer_is_not_built_for_is_refused(size: int, rest: str) -> None:
    said = refused(Timm(model="vit_tiny_patch16_224", weights="random"), BackboneContext(image_size=size))
    assert said == (
        f"vit_tiny_patch16_224 expects images of 224×224 pixels, but transforms.size = {size}. Set "
        f"backbone.img_size = {size}, or transforms.size = 224.{rest}"
    )


@pytest.mark.parametrize(
    ("model", "img_size", "image_size"),
    [("vit_tiny_patch16_224", 96, 96), ("vit_tiny_patch16_224", None, 224), ("resnet18", None, 96)],
)
def test_a_size_that_fits_passes(model: str, img_size: int | None, image_size: int) -> None:
    backbone = Timm(model=model, weights="random", img_size=img_size)
    assert not backbone.check(BackboneContext(image_size=image_size))


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and no hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(hub, "responds", lambda _: False)
    return tmp_path


def test_weights_that_are_neither_cached_nor_reachable_are_refused(offline: Path) -> None:
    assert refused(ResNet50()) == (
        f"The weights of resnet50.tv_in1k are not in the cache ({offline}), and https://huggingface.co does not "
        "respond.\nDownload https://huggingface.co/timm/resnet50.tv_in1k/resolve/main/model.safetensors and set "
        'backbone.weights to the path of that file, or set backbone.weights = "random".'
    )


def test_weights_outside_the_hub_are_looked_for_in_torchs_cache(offline: Path) -> None:
    known = timm_index.index()
    name = next(each for each, network in known.networks.items() if network.url and not network.hub_id)
    file = Path(known.networks[name].url.rpartition("/")[2])
    assert refused(Timm(model=name)).startswith(f"The weights of {known.networks[name].full_name} are not in the cache")
    folder = offline / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / file.name).touch()
    assert not Timm(model=name).check(POOLED)


def test_a_server_that_does_not_answer_takes_no_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def head(self, *_: object, **__: object) -> None:
            time.sleep(5)

    monkeypatch.setattr(hub, "get_session", Silent)
    monkeypatch.setattr(hub, "TIMEOUT_S", 0.1)
    hub.responds.cache_clear()
    start = time.perf_counter()
    assert not hub.responds("https://silent.example")
    assert time.perf_counter() - start < 2


def test_a_file_of_weights_is_judged_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"weight": torch.zeros(2)}, path)
    assert not Timm(model="test_vit", weights=path).check(POOLED)
    path.write_bytes(b"0123456789")
    assert refused(Timm(model="test_vit", weights=path)).startswith(f"{path} is not a file of weights: ")


def test_without_an_index_the_check_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise DataError("timm can't list its networks (no such file).")

    monkeypatch.setattr(timm_check, "index", fails)
    assert Timm(model="clip").check(POOLED) == [
        "The name of the network and its weights were not checked: timm can't list its networks (no such file)."
    ]


CACHED = """
import sys
from dmlcore import BackboneContext, StudyError
from dmlcore_plugins.backbones.timm import Timm
for model in ("test_vit", "test_vid"):
    try:
        print(Timm(model=model, weights="random").check(BackboneContext()))
    except StudyError as error:
        print(error)
print("torch" in sys.modules)
"""


def test_the_index_is_built_once_and_read_without_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = python("-c", CACHED).stdout
    assert first.splitlines()[0] == "[]"
    assert "Nearest: test_vit" in first
    assert first.splitlines()[-1] == "False"
    (file,) = (tmp_path / "dmlcore").iterdir()
    file.write_text(file.read_text().replace('"test_vit"', '"test_vid"'))
    assert python("-c", CACHED).stdout.splitlines()[1] == "[]", "the stored index is read"


def test_a_damaged_index_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "modules", {name: module for name, module in sys.modules.items() if name != "timm"})
    path = timm_index._cached_at()
    path.parent.mkdir()
    path.write_text("{")
    values = '{"networks": {}, "former": {}}'
    monkeypatch.setattr(timm_index, "_built_in_another_process", lambda: values)
    assert not timm_index.index.__wrapped__().networks
    assert path.read_text() == values
