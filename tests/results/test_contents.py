"""What a run was measured on is stored once, and compared in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dmlcore.api.stored import canonical_digest
from dmlcore.results.contents import Contents, Part, load_contents, save_contents, what_changed

BEFORE = {"train": {f"wren/{i}.png": f"a{i}" for i in range(6)}, "test": {"jay/0.png": "b0", "jay/1.png": "b1"}}


def contents(parts: Mapping[str, Mapping[str, str]], head: str = "") -> Contents:
    return Contents({name: Part(canonical_digest([head, list(files.items())]), files) for name, files in parts.items()})


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({**BEFORE, "test": {**BEFORE["test"], "jay/2.png": "b2"}}, "1 added (jay/2.png)"),
        ({**BEFORE, "test": {"jay/0.png": "b0", "jay/1.png": "x"}}, "1 replaced (jay/1.png)"),
        ({**BEFORE, "test": {"jay/0.png": "b0"}}, "1 removed (jay/1.png)"),
        (
            {"train": {f"wren/{i}.png": "x" for i in range(5)}, "test": {**BEFORE["test"], "jay/2.png": "b2"}},
            "1 added (jay/2.png), 5 replaced (wren/0.png, wren/1.png, wren/2.png, …), 1 removed (wren/5.png)",
        ),
        (
            {"train": {"jay/0.png": "b0", "jay/1.png": "b1"}, "test": BEFORE["train"]},
            "8 moved to the other split (jay/0.png, jay/1.png, wren/0.png, …)",
        ),
        ({**BEFORE, "test": dict(reversed(BEFORE["test"].items()))}, "other labels, class names or order in test"),
        ({**BEFORE, "backbone.weights": {"backbone.weights": "w"}}, "1 added (backbone.weights)"),
        (
            {name: {**files, "both.csv": "c"} for name, files in BEFORE.items()},
            "1 added (both.csv)",
        ),
    ],
    ids=["added", "replaced", "removed", "several", "moved", "order", "weights", "in both splits"],
)
def test_changes_in_words(after: Mapping[str, Mapping[str, str]], words: str) -> None:
    assert what_changed(contents(BEFORE), contents(after)) == words
    assert contents(BEFORE) != contents(after)


def test_other_labels_of_the_same_files() -> None:
    assert what_changed(contents(BEFORE), contents(BEFORE, "x")) == "other labels, class names or order in test, train"


def test_a_list_is_stored_once_by_its_digest(tmp_path: Path) -> None:
    first = contents(BEFORE)
    save_contents(first, tmp_path)
    save_contents(contents(BEFORE), tmp_path)
    assert len(list((tmp_path / ".data").iterdir())) == 1
    again = load_contents(tmp_path, first.digest)
    assert again == first
    assert again is not None
    assert {name: dict(part.files) for name, part in again.parts.items()} == BEFORE
    assert first.facts() == {"digest": first.digest, "files": 8}


@pytest.mark.parametrize("damage", [None, b"", b"\x1f\x8b damaged"])
def test_a_list_that_is_lost_is_said_to_be(tmp_path: Path, damage: bytes | None) -> None:
    stored = contents({"train": {"a": str(damage)}})
    if damage is not None:
        save_contents(stored, tmp_path)
        next((tmp_path / ".data").iterdir()).write_bytes(damage)
    assert load_contents(tmp_path, stored.digest) is None
    assert what_changed(None, stored) == "the list of their files at that time is missing"
