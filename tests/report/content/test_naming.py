"""Settings and their values are named as a person says them, and stay distinct."""

from __future__ import annotations

import pytest

from dmlcore.report.content.naming import Names, setting_name, short_values

SEMIHARD = {"use": "triplet", "margin": 0.5, "miner": {"use": "triplet_margin", "triplets": "semihard"}}
EVERY = {"use": "triplet", "margin": 0.5, "miner": {"use": "triplet_margin", "triplets": "all"}}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("embedding.dim", "embedding dimension"),
        ("loss.miner.triplets", "miner triplets"),
        ("loss", "loss"),
        ("loss.use", "loss"),
        ("epochs", "epochs"),
    ],
)
def test_a_setting_has_a_name(path: str, name: str) -> None:
    assert setting_name(path) == name


def test_components_are_named_by_what_differs() -> None:
    assert short_values([SEMIHARD, EVERY, {"use": "contrastive", "distance": "cosine"}]) == [
        "triplet, semihard",
        "triplet, all",
        "contrastive",
    ]


def test_a_component_that_others_have_is_named_as_missing() -> None:
    assert short_values([EVERY, {"use": "triplet", "margin": 0.5}]) == [
        "triplet, all",
        "triplet, no miner",
    ]


def test_values_that_look_the_same_when_short_are_written_in_full() -> None:
    twins = [{"use": "a", "b": {"c": 1}}, {"use": "a", "d": {"c": 1}}]
    assert len(set(short_values(twins))) == 2


def test_points_with_the_same_short_name_are_written_in_full() -> None:
    points = [{"a": "x, y", "b": "z"}, {"a": "x", "b": "y, z"}]
    assert list(map(Names.of(points).point, points)) == ["a=x, y b=z", "a=x b=y, z"]


def test_a_point_lists_its_settings() -> None:
    point = {"embedding.dim": 64, "loss.margin": 0.5, "loss": SEMIHARD}
    assert Names.of([point]).point(point) == "embedding dimension 64, margin 0.5, triplet"
