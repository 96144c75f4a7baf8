"""Sections that a study asks of plugins: one that fails is left out and told, the others are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve, frozen

from dmlcore.report.blocks import Block, Figure, Section
from dmlcore.results import StudyResults


@frozen
class Addition:
    """What makes one section."""

    name: str
    source: str
    """The distribution that it comes from, and its version."""
    build: Callable[[StudyResults], Section | None]


@frozen
class Added:
    """The sections that could be made, and what became of the others."""

    sections: tuple[Section, ...]
    failures: tuple[str, ...]


def added_sections(additions: Iterable[Addition], study: StudyResults) -> Added:
    """Asks for each section; nothing is made of a study without a finished run."""
    sections: list[Section] = []
    failures: list[str] = []
    for number, addition in enumerate(additions if study.results else ()):
        try:
            section = _built(addition, study)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".rstrip(": ")
            failures.append(f"The section {addition.name!r} of {addition.source} failed ({reason}) and was left out.")
        else:
            if section is not None:
                sections.append(_keyed(section, f"added-{number}"))
    return Added(tuple(sections), tuple(failures))


def _built(addition: Addition, study: StudyResults) -> Section | None:
    section = addition.build(study)
    if section is not None and not isinstance(section, Section):
        raise TypeError(f"it must give a dmlcore.Section or None, not {section!r}")
    return section


def _keyed(section: Section, key: str) -> Section:
    """The section and its figures under names of their own."""
    blocks: list[Block] = [
        evolve(block, key=f"{key}-{number}") if isinstance(block, Figure) else block
        for number, block in enumerate(section.blocks)
    ]
    return evolve(section, key=key, blocks=blocks)
