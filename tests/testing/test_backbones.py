"""Each check of a backbone fails where its promise is broken."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dmlcore import BackboneConfig, InputSpec, StudyError
from dmlcore.testing.backbones import CHECKS
from testing.failing import component_of, failure_of, outcome_of


class Net(nn.Module):
    """A sound network; each attribute is a way to go wrong."""

    feature_dim = 4

    def __init__(self, feature_map: bool = False, **wrong: Any) -> None:
        super().__init__()
        self.input_spec = InputSpec(8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.feature_map = feature_map
        self.wrong = set(wrong)

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm(self.conv(images))
        if "drops" in self.wrong:
            features = nn.functional.dropout(features)
        if "mixes" in self.wrong:
            features = features - features.mean(0)
        if "explodes" in self.wrong:
            features = features / 0
        if "freezes" in self.wrong:
            features = features.detach().requires_grad_()
        return features if self.feature_map or "unpooled" in self.wrong else features.mean((2, 3))


class Stateful(Net):
    """Adds noise that is drawn once, and not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = torch.randn(4)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images) + self.noise


def backbone(**wrong: Any) -> Any:
    return component_of(BackboneConfig, build=lambda self, context: Net(context.feature_map, **wrong))


def of(module: Any, **members: Any) -> Any:
    return component_of(BackboneConfig, build=lambda self, context: module(), **members)


def downloading() -> Net:
    socket.create_connection(("192.0.2.1", 80), timeout=0.01)
    return Net()


def refusing() -> Net:
    raise StudyError("backbone.model: there is no such model.")


class Unsized(Net):
    feature_dim = "four"  # type: ignore[assignment]


BROKEN: list[tuple[str, Any, str, str]] = [
    (
        "builds",
        of(refusing),
        "StudyError: backbone.model: there is no such model.",
    ),
    ("builds", of(downloading), "a connection"),
    ("builds", of(lambda: print), "<class 'builtin_function_or_method'>"),
    ("builds", of(Unsized), "'four'"),
    (
        "smoke_keeps_the_component",
        of(Net, for_smoke=lambda self: "small"),
        "'small'",
    ),
    ("features_are_as_promised", backbone(unpooled=True), "(2, 4, 6, 6)"),
    ("features_are_as_promised", backbone(explodes=True), "NaN or infinity"),
    ("feature_map_is_given_or_refused", of(Net), "(2, 4)"),
    (
        "each_image_stands_alone",
        backbone(drops=True),
        "the same features each time in evaluation mode",
    ),
    (
        "each_image_stands_alone",
        backbone(mixes=True),
        "the same features for an image alone and",
    ),
    (
        "state_is_all_there_is",
        of(Stateful),
        "the same features after",
    ),
    ("can_be_trained", backbone(freezes=True), "got       none"),
    ("can_be_trained", backbone(explodes=True), "NaN or infinity"),
    (
        "keeps_its_tensors_where_torch_finds_them",
        of(Stateful),
        "tensors as parameters or buffers",
    ),
]


@pytest.mark.parametrize(("check", "component", "words"), BROKEN)
def test_a_broken_promise_is_told(check: str, component: Any, words: str) -> None:
    assert words in failure_of(component, check)


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}


def test_a_map_may_be_refused() -> None:
    def build(self: Any, context: Any) -> Net:
        if context.feature_map:
            raise StudyError("It gives tokens.")
        return Net()

    outcome = outcome_of(component_of(BackboneConfig, build=build), "feature_map_is_given_or_refused")
    assert (outcome.status, outcome.reason) == ("not applicable", "it refuses: It gives tokens.")
