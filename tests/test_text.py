"""How messages are worded."""

from __future__ import annotations

import pytest
import tomli

from dmlcore.text import counted, did_you_mean, duration, point_label, toml_text, with_article


@pytest.mark.parametrize(
    ("number", "noun", "text"), [(0, "run", "0 runs"), (1, "class", "1 class"), (5864, "class", "5,864 classes")]
)
def test_counted(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_did_you_mean() -> None:
    assert did_you_mean("triplt", ["triplet", "contrastive"]) == " Did you mean 'triplet'?"
    assert did_you_mean("xyz", ["triplet"]) == ""


def test_point_label() -> None:
    point = {"a": 0.10, "b": True, "c": {"use": "x", "k": {"use": "y"}}, "d": "text"}
    assert point_label(point) == "a=0.1 b=true c=x(k=y) d=text"


def test_with_article() -> None:
    assert [with_article(noun) for noun in ("loss", "observer")] == ["a loss", "an observer"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a/b", '"a/b"'),
        (True, "true"),
        (1e-4, "0.0001"),
        ([1, 2.5, "x"], '[1, 2.5, "x"]'),
        ({"use": "timm", "a b": {}}, '{ use = "timm", "a b" = {} }'),
        ('q"\\\n\x7f\t€', '"q\\"\\\\\\n\\u007f\\t€"'),
    ],
)
def test_toml_text(value: object, text: str) -> None:
    assert toml_text(value) == text
    assert tomli.loads(f"value = {text}")["value"] == value
