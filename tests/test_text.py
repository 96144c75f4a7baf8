"""How messages are worded."""

from __future__ import annotations

import pytest
import tomli

from dmlcore.text import counted, did_you_mean, duration, one_line, point_label, toml_text, visible, with_article
from hostile_text import JOINED, MARKUP, UNSEEN


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(0, "run", "0 runs"), (1, "class", "1 class"), (5864, "class", "5,864 classes"), (2, "batch", "2 batches")],
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


@pytest.mark.parametrize(("text", "seen"), UNSEEN.items(), ids=ascii)
def test_invisible_characters_are_shown_by_their_codes(text: str, seen: str) -> None:
    assert visible(text) == seen
    assert visible(seen) == seen
    seen.encode()


@pytest.mark.parametrize("text", [*MARKUP, JOINED, "tab\tand\nlines\r\nof Windows", "100\xa0€\u3000"])
def test_all_other_text_is_visible_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_one_line() -> None:
    assert one_line(" a\n\n  b\t\x1b\r\nc\xa0d ") == r"a b \u001b c\xa0d".replace(r"\xa0", "\xa0")


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
