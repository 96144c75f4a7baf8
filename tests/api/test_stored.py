"""Stored JSON comes back as it was, or the message says what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from attrs import field, frozen

from dmlcore.api.stored import from_json, to_json
from dmlcore.errors import DamagedResultsError, ResultsError


@frozen
class Inner:
    epoch: int
    loss: float | None = None


@frozen
class Outer:
    name: str
    inner: tuple[Inner, ...] = ()
    values: Mapping[str, float] = field(factory=dict)
    kind: Literal["a", "b"] = "a"
    anything: Any = None
    schema: int = 2


WHOLE = Outer("größe", (Inner(0), Inner(1, 0.1 + 0.2)), {"nan": float("inf"), "x": 1 / 3}, "b", [1, {"a": None}])


def read(text: str) -> Outer:
    return from_json(text, "there", "thing", Outer, newest=2, sealed=2)


def reason(text: str) -> str:
    with pytest.raises(DamagedResultsError) as caught:
        read(text)
    before, _, rest = str(caught.value).partition("there: damaged thing (")
    why, _, after = rest.rpartition("). ")
    assert (before, after) == ("", "`dmlcore run` moves it aside and runs again.")
    return why


def test_it_comes_back() -> None:
    assert read(to_json(WHOLE)) == WHOLE
    assert read(json.dumps(json.loads(to_json(WHOLE)), sort_keys=True)) == WHOLE, "the layout does not matter"


def test_every_changed_character_is_noticed() -> None:
    text = to_json(WHOLE)
    for place, character in enumerate(text):
        other = "7" if character != "7" else "8"
        changed = text[:place] + other + text[place + 1 :]
        try:
            assert read(changed) == WHOLE, changed
        except ResultsError:
            continue
        assert character.isspace() or json.loads(changed) == json.loads(text)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"schema": 1}, "name: missing"),
        ({"schema": 1, "name": 3}, "name: got 3"),
        ({"schema": 1, "name": "x", "inner": [{"epoch": True}]}, "inner[0].epoch: got true"),
        ({"schema": 1, "name": "x", "inner": {}}, "inner: got {}"),
        ({"schema": 1, "name": "x", "inner": [3]}, "inner[0]: got 3"),
        ({"schema": 1, "name": "x", "values": {"a": "0.5"}}, 'values.a: got "0.5"'),
        ({"schema": 1, "name": "x", "kind": "c"}, 'kind: got "c"'),
        ({"schema": 1, "name": "x", "kind": ["c"]}, 'kind: got ["c"]'),
        ({"schema": 1, "name": "x", "nam": 1}, "nam: unknown"),
        ({"schema": 1, "name": "x" * 99, "values": "x" * 99}, f'values: got "{"x" * 59}…'),
        ({"schema": "1", "name": "x"}, 'schema: expected a format number, got "1"'),
        ({"schema": 2, "name": "x"}, "it has no checksum"),
        ({"name": "x"}, "no 'schema'"),
        ([1], "expected a JSON object"),
        (None, "expected a JSON object"),
    ],
)
def test_values_of_another_type(values: Any, why: str) -> None:
    assert reason(json.dumps(values)) == why


def test_text_that_is_no_json() -> None:
    assert reason("{") == "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    assert reason("[" * 100_000).startswith("maximum recursion depth exceeded")


def test_a_newer_format_is_not_damaged() -> None:
    with pytest.raises(ResultsError) as caught:
        read(to_json(Outer("x", schema=3)))
    assert str(caught.value) == "there: the thing has format 3, and this dmlcore reads up to 2. Update dmlcore."
    assert not isinstance(caught.value, DamagedResultsError)
