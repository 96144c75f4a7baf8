"""Class names come back as they were, also those of older files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlcore.results.class_names import names_from_text, names_to_text


@given(st.lists(st.text()))
def test_any_names_come_back(names: list[str]) -> None:
    assert names_from_text(names_to_text(names)) == tuple(names)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("jay\nold owl", ("jay", "old owl")),
        ("1\n2", ("1", "2")),
        ("1", ("1",)),
        ("[1, 2]", ("[1, 2]",)),
        ("null", ("null",)),
        ("", ()),
    ],
)
def test_lines_of_older_files_are_names(text: str, names: tuple[str, ...]) -> None:
    assert names_from_text(text) == names
