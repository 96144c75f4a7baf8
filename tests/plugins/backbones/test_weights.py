"""Weights from files: which fit, and what is said of those that do not."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from dmlcore import BackboneContext, DataError, StudyError
from dmlcore_plugins.backbones.timm import Timm

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def trained() -> torch.nn.Module:
    """A network with a classifier, whose weights and statistics are not the initial ones."""
    torch.manual_seed(7)
    network = timm.create_model("test_resnet")
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand_like(value) * 0.1)
    return network.eval()


@pytest.fixture
def state(trained: torch.nn.Module) -> State:
    return dict(trained.state_dict())


def load(path: Path, model: str = "test_resnet", **options: object) -> torch.nn.Module:
    return Timm(model=model, weights=path, **options).build(BackboneContext()).eval()


def without_classifier(state: State) -> State:
    return {key: value for key, value in state.items() if not key.startswith("fc.")}


@pytest.mark.parametrize(
    "write",
    [
        lambda state, path: torch.save(state, path / "weights.pth"),
        lambda state, path: torch.save(without_classifier(state), path / "weights.pth"),
        lambda state, path: torch.save({"state_dict": state, "epoch": 3}, path / "weights.pth"),
        lambda state, path: torch.save({"model": state}, path / "weights.pth"),
        lambda state, path: torch.save({f"module.{key}": v for key, v in state.items()}, path / "weights.pth"),
        lambda state, path: save_file(state, path / "weights.safetensors"),
    ],
    ids=["whole", "without classifier", "state_dict", "model", "DistributedDataParallel", "safetensors"],
)
def test_a_file_gives_the_network_that_was_saved(write, trained, state: State, tmp_path: Path) -> None:
    write(state, tmp_path)
    [path] = tmp_path.iterdir()
    backbone = load(path)
    images = torch.randn(2, 3, 160, 160)
    with torch.no_grad():
        expected = trained.forward_head(trained.forward_features(images), pre_logits=True)
        assert torch.equal(backbone(images), expected)
    assert backbone.provenance == f"{path.name}, sha256 {sha256(path.read_bytes()).hexdigest()}"


def test_a_relative_path_starts_at_the_working_directory(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(state, tmp_path / "weights.pth")
    monkeypatch.chdir(tmp_path)
    assert load(Path("weights.pth")).feature_dim == 96


def test_a_transformer_takes_weights_of_another_image_size(tmp_path: Path) -> None:
    """timm's converter resizes the position embedding; all else is as saved."""
    saved = timm.create_model("test_vit").state_dict()
    torch.save(saved, tmp_path / "vit.pth")
    loaded = load(tmp_path / "vit.pth", "test_vit", img_size=96).network.state_dict()
    assert loaded.pop("pos_embed").shape[1] == 1 + 6 * 6
    assert all(torch.equal(value, saved[key]) for key, value in loaded.items())


def refusal(state: object, path: Path, model: str = "test_resnet") -> str:
    torch.save(state, path)
    with pytest.raises(DataError) as refused:
        load(path, model)
    return str(refused.value)


def test_missing_and_unexpected_keys_are_counted_and_shown(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    for key in ("conv1.0.weight", "layer1.0.conv1.weight", "bn1.bias", "bn1.weight"):
        state["old." + key] = state.pop(key)
    del state["old.bn1.bias"]
    assert refusal(state, path) == (
        f"{path} does not fit test_resnet: 4 keys are missing (conv1.0.weight, bn1.weight, bn1.bias, …); "
        f"3 keys are unexpected (old.conv1.0.weight, old.layer1.0.conv1.weight, old.bn1.weight). "
        f"Use weights that were saved from this network."
    )


def test_a_key_of_another_shape_is_shown(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    state["bn1.bias"] = state["bn1.bias"][:5]
    assert refusal(state, path) == (
        f"{path} does not fit test_resnet: "
        f"1 key is of another shape (bn1.bias: (5,) in the file, (32,) in the network). "
        f"Use weights that were saved from this network."
    )


def test_weights_of_another_architecture_are_refused(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    assert refusal(state, path, "test_vit").startswith(f"{path} does not fit test_vit: ")


class Payload:
    """Something that only unpickling with code could bring back."""


@pytest.mark.parametrize("content", [Payload(), [1, 2]], ids=["an object", "a list"])
def test_a_file_of_something_else_is_refused(content: object, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    message = refusal(content, path)
    assert message.startswith(f"{path} is not a file of weights (")
    assert "Expected a state dict" in message


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_damaged_file_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"not weights at all")
    with pytest.raises(DataError, match=r"weights\.\w+ is not a file of weights \("):
        load(path)


def test_a_misspelt_keyword_is_taken_for_a_file_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError) as refused:
        load(Path("pretraind"))
    said = str(refused.value)
    assert said.startswith('backbone.weights: expected "pretrained", "random", or')
    assert f"{tmp_path / 'pretraind'} does not exist" in said
