"""timm's pretrained weights: cached ones load without a network, others fail at once. Nothing here goes online."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from dmlcore import BackboneContext, DataError, StudyError
from dmlcore_plugins.backbones import hub
from dmlcore_plugins.backbones.timm import Timm

MODEL = "test_resnet.r160_in1k"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that must not be asked."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.responds.cache_clear()
    return tmp_path


def put_into(cache: Path, state: dict[str, torch.Tensor]) -> None:
    """As the hub's client lays out a downloaded file."""
    repository = cache / f"models--timm--{MODEL}"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    save_file(state, snapshot / "model.safetensors")


def test_cached_weights_load_without_asking_the_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "responds", lambda _: pytest.fail("the hub was asked"))
    torch.manual_seed(3)
    state = timm.create_model(MODEL).state_dict()
    put_into(cache, state)
    backbone = Timm(model=MODEL).build(BackboneContext())
    for key, value in backbone.network.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert backbone.provenance == f"{MODEL} of timm, license apache-2.0"


def test_without_a_tag_the_record_says_which_weights_timm_took(cache: Path) -> None:
    put_into(cache, timm.create_model(MODEL).state_dict())
    backbone = Timm(model="test_resnet").build(BackboneContext())
    assert backbone.provenance == f"{MODEL} of timm, license apache-2.0"


def test_a_cached_file_that_does_not_fit_is_an_error(cache: Path) -> None:
    put_into(cache, {"conv1.0.weight": torch.zeros(3)})
    with pytest.raises(DataError) as failure:
        Timm(model=MODEL).build(BackboneContext())
    message = str(failure.value)
    assert message.startswith(f"The pretrained weights of {MODEL} could not be loaded (RuntimeError: ")
    assert message.endswith("Try again, or set backbone.weights to the path of a file.")


def test_offline_the_error_says_which_file_to_fetch(cache: Path) -> None:
    with pytest.raises(DataError) as failure:
        Timm(model=MODEL).build(BackboneContext())
    said = str(failure.value)
    assert said.startswith(f"The weights of {MODEL} are not in the cache ({cache}), and https://huggingface.co does")
    assert f"https://huggingface.co/timm/{MODEL}/resolve/main/model.safetensors" in said


def test_a_model_without_weights_names_its_sisters(cache: Path) -> None:
    bare = next(name for name in timm.list_models() if not timm.get_pretrained_cfg(name).has_weights)
    with pytest.raises(StudyError) as refusal:
        Timm(model=bare).build(BackboneContext())
    assert str(refusal.value) == (
        f'timm has no pretrained weights for "{bare}". Set backbone.weights = "random" or a file.'
    )
