"""Each check of a section fails where its promise is broken."""

from __future__ import annotations

from typing import Any

import pytest
from safetensors.numpy import load_file

from dmlcore import PluginError, Section, SectionConfig, StudyResults, Text
from dmlcore.testing.sections import CHECKS
from testing.failing import component_of, failure_of, outcome_of


def saying(self: Any, study: StudyResults) -> str:
    return "all is well"


def comparing(self: Any, study: StudyResults) -> Section:
    return Section("Best and worst", [Text(f"{study.results[0].run} before {study.results[1].run}")])


def naming(self: Any, study: StudyResults) -> Section | None:
    if not study.varied:
        return None
    return Section("Varied", [Text(study.varied)])  # type: ignore[arg-type]


def lacking(self: Any, study: StudyResults) -> Section:
    raise PluginError("It needs a package: pip install networkx.")


def counting(self: Any, study: StudyResults) -> Section:
    """A sound one: it reads what is stored."""
    counts = [len(load_file(folder / "embeddings.safetensors")["labels"]) for folder in study.folders.values()]
    return Section("Images", [Text(f"{counts} images in the runs")])


BROKEN = [
    ("makes_a_section_of_one_run", saying, "'all is well'"),
    ("makes_a_section_of_one_run", comparing, "IndexError: tuple index out of range"),
    ("makes_a_section_of_a_grid", naming, "Error: "),
    (
        "makes_a_section_of_a_grid",
        lacking,
        "PluginError: It needs a package: pip install networkx.",
    ),
]


@pytest.mark.parametrize(("check", "build", "words"), BROKEN)
def test_a_broken_promise_is_told(check: str, build: Any, words: str) -> None:
    assert words in failure_of(component_of(SectionConfig, build=build), check)


def test_every_check_is_seen_to_fail() -> None:
    assert {row[0] for row in BROKEN} == {check.__name__ for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_section_passes(check: Any) -> None:
    assert outcome_of(component_of(SectionConfig, build=counting), check.__name__).status == "passed"
