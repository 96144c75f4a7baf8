"""`dmlcore backbones`: what can be named, and under which license."""

from __future__ import annotations

import pytest
import timm

from dmlcore.cli import main
from dmlcore_plugins.backbones.timm_index import index
from running import invoke


def give(*arguments: str, code: int = 0) -> str:
    return invoke("backbones", *arguments, code=code).output


def test_a_pattern_lists_size_and_license() -> None:
    lines = [line.split(maxsplit=1) for line in give("resnet50.a[123]_in1k").splitlines()]
    assert [name for name, _ in lines] == ["resnet50.a1_in1k", "resnet50.a2_in1k", "resnet50.a3_in1k"]
    assert lines[0][1].split() == ["224", "px", "license", "apache-2.0"]


def test_text_without_a_pattern_matches_anywhere() -> None:
    names = [line.split()[0] for line in give("lite0").splitlines()]
    assert "tf_efficientnet_lite0.in1k" in names
    assert all("lite0" in name for name in names)


def test_a_fixed_size_and_missing_weights_are_shown() -> None:
    assert "224 px, fixed" in give("vit_small_patch16_224.augreg_in1k")
    bare = next(name for name in timm.list_models() if not timm.get_pretrained_cfg(name).has_weights)
    assert "no weights" in give(bare)


def test_all_of_them_can_be_named() -> None:
    names = {line.split()[0] for line in give().splitlines()}
    assert len(names) > 1000
    assert names <= set(index().networks)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("resnet5000", "Nearest: resnet50"), ("%%%%", "`dmlcore backbones` lists them all.")],
)
def test_an_unknown_name_is_reported_with_the_nearest(pattern: str, hint: str) -> None:
    error = give(pattern, code=2)
    assert error.startswith(f'Error: timm {timm.__version__} has no network like "{pattern}". ')
    assert hint in error


def test_the_shell_completes_names() -> None:
    command = main.get_command(main.make_context("dmlcore", ["backbones"], resilient_parsing=True), "backbones")
    assert command is not None
    pattern = command.params[0]
    completed = [item.value for item in pattern.shell_complete(command.make_context("x", []), "resnet50.a1_")]
    assert completed == ["resnet50.a1_in1k"]
