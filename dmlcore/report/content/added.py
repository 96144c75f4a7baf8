"""Sections that a study adds through plugins: one that fails is skipped and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve, frozen

from dmlcore.api.blocks import Block, Figure, Section
from dmlcore.api.result import StudyResults
from dmlcore.errors import PluginError

Addition = Callable[[StudyResults], Section | None]
"""Builds one section; raises PluginError, and nothing else, if it can't."""


@frozen
class Added:
    """The sections that were built, and why others are missing."""

    sections: tuple[Section, ...]
    failures: tuple[str, ...]


def added_sections(additions: Iterable[Addition], study: StudyResults) -> Added:
    """Build each section; none for a study without a finished run."""
    sections: list[Section] = []
    failures: list[str] = []
    for number, build in enumerate(additions if study.results else ()):
        try:
            section = build(study)
        except PluginError as error:
            failures.append(f"A section was skipped. {error}")
        else:
            if section is not None:
                sections.append(_keyed(section, f"added-{number}"))
    return Added(tuple(sections), tuple(failures))


def _keyed(section: Section, key: str) -> Section:
    """The section and its figures with unique keys."""
    blocks: list[Block] = [
        evolve(block, key=f"{key}-{number}") if isinstance(block, Figure) else block
        for number, block in enumerate(section.blocks)
    ]
    return evolve(section, key=key, blocks=blocks)
