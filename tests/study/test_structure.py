"""Values of a study are structured strictly, and written back as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlcore import LossConfig, StudyError
from dmlcore.host.describe import type_text
from dmlcore.host.registry import Registry
from dmlcore.study.structure import INVALID, Structurer, plain
from toys import REGISTRY, Pair


def structured(value: Any, annotation: Any) -> tuple[Any, list[str]]:
    structurer = Structurer(REGISTRY, lambda _: Path("/studies"))
    result = structurer.structure(value, annotation, ("x",))
    return result, [f"{p.expected} / {p.got}" for p in structurer.problems]


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (0.5, float, 0.5),
        (True, bool, True),
        ("a", str, "a"),
        ("photos", Path, Path("/studies/photos")),
        ("/photos", Path, Path("/photos")),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([0.1, 1], tuple[float, float], (0.1, 1.0)),
        ("max", Literal["avg", "max"], "max"),
        (3, int | None, 3),
        ("features", int | Literal["features"], "features"),
        ({"use": "pair", "margin": 0}, LossConfig, Pair(margin=0.0)),
    ],
)
def test_right_values(value: Any, annotation: Any, expected: Any) -> None:
    result, problems = structured(value, annotation)
    assert problems == []
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "problem"),
    [
        ("0.1", float, 'a number / "0.1" (a string)'),
        (3.7, int, "an integer / 3.7 (a number)"),
        (3.0, int, "an integer / 3.0 (a number)"),
        ("no", bool, 'true or false / "no" (a string)'),
        (1, bool, "true or false / 1 (an integer)"),
        (True, int, "an integer / true (a boolean)"),
        (True, float, "a number / true (a boolean)"),
        (1, str, "a string / 1 (an integer)"),
        (1, tuple[int, ...], "a list of integers / 1 (an integer)"),
        ([1], tuple[int, int], "a list of 2 integers / a list of 1"),
        ([1, "2"], tuple[int, ...], 'an integer / "2" (a string)'),
        ("mean", Literal["avg", "max"], '"avg" or "max" / "mean" (a string)'),
        (1, Literal[True], "True / 1 (an integer)"),
        ("8", int | Literal["features"], 'an integer or "features" / "8" (a string)'),
        ("pair", LossConfig, 'a table with `use = "loss name"` / "pair" (a string)'),
        ({"use": "pear"}, LossConfig, 'the name of a loss / "pear" (a string)'),
        ({"use": 3}, LossConfig, 'a table with `use = "loss name"` / `use = 3 (an integer)`'),
        ({"use": "pair", "margin": 2}, LossConfig, "a number ≥ -1 and ≤ 1 cosine / 2 (an integer)"),
        ({"use": "pair", "margin": float("nan")}, LossConfig, "a finite number ≥ -1 and ≤ 1 cosine / nan (a number)"),
    ],
)
def test_wrong_values_are_never_coerced(value: Any, annotation: Any, problem: str) -> None:
    result, problems = structured(value, annotation)
    assert problems == [problem]
    assert result is INVALID


def test_every_problem_of_a_table_is_found() -> None:
    _, problems = structured(
        {"use": "pair", "margn": 1, "margin": "x", "miner": {"use": "hard_pairs", "epsilon": 0}}, LossConfig
    )
    assert problems == [
        "an option of loss 'pair' / 'margn'",
        'a number / "x" (a string)',
        "a number > 0 / 0 (an integer)",
    ]


@given(st.floats(-1, 1), st.floats(1e-3, 10))
def test_a_component_round_trips_through_plain_values(margin: float, epsilon: float) -> None:
    value = {"use": "pair", "margin": margin, "miner": {"use": "hard_pairs", "epsilon": epsilon}}
    component, problems = structured(value, LossConfig)
    assert problems == []
    assert plain(component, Path()) == value


def test_paths_are_written_relative_to_the_study() -> None:
    assert plain(Path("/studies/birds/../photos"), Path("/studies")) == "photos"


def test_identity_leaves_out_what_cannot_change_numbers(make_study: Any) -> None:
    study = make_study().study
    whole = plain(study, Path())
    identity = plain(study, Path(), identity_only=True)
    assert "workers" in whole["training"]
    assert "workers" not in identity["training"]
    assert "question" not in identity
    assert identity["loss"] == whole["loss"]


def test_type_text_of_a_component() -> None:
    assert type_text(LossConfig | None) == 'a table with `use = "loss name"`'


def test_unknown_component_names_the_nearest(registry: Registry) -> None:
    with pytest.raises(StudyError) as caught:
        registry.find("loss", "pare")
    assert str(caught.value) == (
        "no installed plugin offers a loss named 'pare'. Did you mean 'pair'? Known: collapse, nan, pair, proxied."
    )
