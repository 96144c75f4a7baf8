"""Weights from files: which fit, and what is said of those that do not."""

from __future__ import annotations

from argparse import Namespace
from hashlib import sha256
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from dmlcore import BackboneContext, DataError, StudyError
from dmlcore_plugins.backbones.timm import Timm
from dmlcore_plugins.backbones.weights import load_weights

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


def prefixed(state: State, prefix: str) -> State:
    return {f"{prefix}{key}": value for key, value in state.items()}


EXTRA = {"head.mlp.0.weight": torch.zeros(3, 3), "queue": torch.zeros(4)}

FILES = {
    "whole": (lambda state: state, ""),
    "without classifier": (lambda state: without_classifier(state), ""),
    "with a projection head": (lambda state: without_classifier(state) | EXTRA, ", without head, queue"),
    "state_dict": (lambda state: {"state_dict": state, "epoch": 3}, ', under "state_dict"'),
    "model in model": (lambda state: {"model": {"net": state}}, ', under "model.net"'),
    "with its arguments": (lambda state: {"model": state, "args": Namespace(lr=0.1)}, ', under "model"'),
    "with an optimizer": (
        lambda state: {"model": state, "optimizer": {"state": {0: {"exp_avg": torch.zeros(2)}}}},
        ', under "model"',
    ),
    "DistributedDataParallel": (lambda state: prefixed(state, "module."), ', under "module"'),
    "torch.compile": (lambda state: prefixed(state, "_orig_mod."), ', under "_orig_mod"'),
    "a module of a larger one": (
        lambda state: {"state_dict": prefixed(state, "module.backbone.") | prefixed(EXTRA, "module.")},
        ', under "state_dict.module.backbone", without module.head, module.queue',
    ),
    "of SimCLR": (
        lambda state: prefixed(without_classifier(state), "encoder.") | {"projector.0.weight": torch.zeros(2, 2)},
        ', under "encoder", without projector',
    ),
    "without counters of BatchNorm": (
        lambda state: {key: value for key, value in state.items() if "num_batches_tracked" not in key},
        "",
    ),
    "twice the same": (lambda state: {"model": state, "model_ema": state}, ', under "model"'),
}


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES)
def test_a_file_gives_the_network_that_was_saved(content, said: str, trained, state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content(state), path)
    backbone = load(path)
    for key, value in backbone.network.state_dict().items():
        assert torch.equal(value, state[key]) or key.endswith("num_batches_tracked"), key
    assert backbone.provenance == f"{path.name}, sha256 {sha256(path.read_bytes()).hexdigest()}{said}"


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.bin"])
def test_safetensors_load_under_any_name(name: str, state: State, tmp_path: Path) -> None:
    save_file(state, tmp_path / name)
    network = load(tmp_path / name).network
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def teacher_and_student(state: State) -> dict[str, State]:
    """As DINO stores them."""
    student = {key: value + 1 for key, value in state.items()}
    return {"student": prefixed(student, "module.backbone."), "teacher": prefixed(state, "backbone.")}


def test_two_networks_that_fit_are_refused(state: State, tmp_path: Path) -> None:
    path = tmp_path / "dino.pth"
    torch.save(teacher_and_student(state), path)
    with pytest.raises(StudyError) as refused:
        load(path)
    assert str(refused.value) == (
        f'{path} has 2 different sets of weights that fit test_resnet: "student.module.backbone", "teacher.backbone". '
        'Choose one, such as backbone.weights_part = "teacher.backbone".'
    )


@pytest.mark.parametrize("part", ["teacher", "teacher.backbone"])
def test_a_part_is_chosen_by_name(part: str, state: State, tmp_path: Path) -> None:
    path = tmp_path / "dino.pth"
    torch.save(teacher_and_student(state), path)
    backbone = load(path, weights_part=part)
    assert all(torch.equal(value, state[key]) for key, value in backbone.network.state_dict().items())
    assert backbone.provenance.endswith(', under "teacher.backbone"')


def test_an_unknown_part_is_refused_with_those_there_are(state: State, tmp_path: Path) -> None:
    path = tmp_path / "dino.pth"
    torch.save(teacher_and_student(state), path)
    with pytest.raises(StudyError) as refused:
        load(path, weights_part="tutor")
    assert str(refused.value).startswith(f'backbone.weights_part: {path} has no part "tutor"; it has "student", ')


def test_a_deeper_network_of_the_family_is_refused_with_its_further_modules(tmp_path: Path) -> None:
    """All keys of the smaller network are there, in their shapes."""
    path = tmp_path / "deeper.pth"
    torch.save(prefixed(timm.create_model("vit_tiny_patch16_224", depth=4).state_dict(), "module."), path)
    with pytest.raises(DataError) as refused:
        load_weights(timm.create_model("vit_tiny_patch16_224", depth=2, num_classes=0), path)
    assert str(refused.value) == (
        f'{path}, under "module", does not fit vit_tiny_patch16_224: 24 keys are unexpected (blocks.2.*, blocks.3.*). '
        "Use weights that were saved from this network."
    )


def test_the_names_of_the_original_authors_load_under_a_prefix(tmp_path: Path) -> None:
    saved = timm.create_model("test_vit").state_dict()
    torch.save({"model": prefixed(saved, "backbone.")}, tmp_path / "vit.pth")
    loaded = load(tmp_path / "vit.pth", "test_vit", img_size=96).network.state_dict()
    assert loaded.pop("pos_embed").shape[1] == 1 + 6 * 6
    assert all(torch.equal(value, saved[key]) for key, value in loaded.items())


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
        f"3 keys are unexpected (old.*). "
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
    with pytest.raises(DataError, match=r"weights\.\w+ is not a file of weights: it begins neither like"):
        load(path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "run `git lfs pull`"),
        (b"<!DOCTYPE html><html>", "It is a web page: download the file itself."),
    ],
)
def test_what_is_often_taken_for_weights_is_named(content: bytes, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        Timm(model="test_resnet", weights=path).check(BackboneContext())
    assert str(refused.value).startswith(f"{path} is not a file of weights: it begins neither like")
    assert cause in str(refused.value)


def test_objects_in_a_file_are_named_with_a_way_to_keep_the_tensors(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    message = refusal({"state_dict": state, "config": Payload()}, path)
    assert "objects that only their own code can read" in message
    assert "Payload" in message
    assert "torch.save(content['state_dict'], 'weights.pth')" in message


def test_a_misspelt_keyword_is_taken_for_a_file_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError) as refused:
        load(Path("pretraind"))
    said = str(refused.value)
    assert said.startswith('backbone.weights: expected "pretrained", "random", or')
    assert f"{tmp_path / 'pretraind'} does not exist" in said
