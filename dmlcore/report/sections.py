"""The sections of a study's report in order, for every format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from attrs import frozen

from dmlcore.api.blocks import Block, Section, Table, Text
from dmlcore.report.content.costs import costs_grid
from dmlcore.report.content.epochs import epochs_grid
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.protocol import protocol_blocks
from dmlcore.report.content.published import published_grid, published_margins
from dmlcore.report.content.search_cost import search_costs
from dmlcore.report.content.table import full_columns, full_tables, headline, study_table, table_grid
from dmlcore.report.explanation import explain
from dmlcore.report.explanation.answer import answer_of
from dmlcore.report.explanation.batch_size import explain_probe


@frozen
class Place:
    """Where a section is in a report."""

    title: str
    appendix: bool = False
    """Whether it follows all chapters."""


PLACES = {
    "question": Place("Question"),
    "answer": Place("Answer"),
    "results": Place("Results"),
    "probe": Place("Batch sizes tried"),
    "explanation": Place("Explanation"),
    "warnings": Place("Warnings"),
    "damaged": Place("Damaged results"),
    "failures": Place("Failed runs"),
    "outdated": Place("Outdated runs"),
    "unfinished": Place("Unfinished runs"),
    "all_metrics": Place("All metrics", appendix=True),
    "learning": Place("Learning curves", appendix=True),
    "epochs": Place("Selection of the epoch", appendix=True),
    "costs": Place("Time and memory", appendix=True),
    "published": Place("Published results", appendix=True),
    "protocol": Place("Protocol", appendix=True),
    "map": Place("Map of the test embeddings", appendix=True),
    "gallery": Place("Retrieval examples and mistakes", appendix=True),
}
"""Key of a section → its place: the chapter of a study from first to last, then the appendix."""


def place(key: str) -> float:
    """Return the position of a section; those of plugins are before the warnings."""
    order = list(PLACES)
    return order.index(key) if key in PLACES else order.index("warnings") - 0.5


def in_appendix(key: str) -> bool:
    """Return whether a section follows all chapters; those of plugins are in the chapter."""
    return key in PLACES and PLACES[key].appendix


B = TypeVar("B")


def own_blocks(key: str, blocks: Iterable[B]) -> list[B]:
    """Return the blocks of a section in a report over several studies: without what it says once for all of them."""
    if key == "answer":
        return []
    return [block for block in blocks if not (key == "protocol" and isinstance(block, Table) and block.folded)]


def study_sections(material: StudyMaterial, published: bool = True) -> list[Section]:
    """Return the sections that have content, including those of plugins.

    `published` adds published results on the same data set.
    """
    sections = [Section(PLACES[key].title, blocks, key) for key, blocks in _blocks(material, published) if blocks]
    return sorted([*sections, *(material.added.sections if material.results else ())], key=lambda s: place(s.key))


def _blocks(material: StudyMaterial, published: bool) -> Iterator[tuple[str, Sequence[Block]]]:
    """The key of each section and its blocks."""
    yield "question", _texts([material.question] if material.question else [])
    answer = answer_of(material)
    yield "answer", _texts(filter(None, (answer.verdict, answer.figures, answer.reason)) if answer else ())
    if material.probe is not None:
        yield "probe", list(explain_probe(material.probe))
    if material.results:
        first = material.results[0]
        yield "results", [table_grid(study_table(material))]
        yield "protocol", protocol_blocks(material)
        yield "explanation", list(explain(material))
        if full_columns(material) != headline(material):
            yield "all_metrics", [table_grid(table, runs=False) for table in full_tables(material)]
        yield "epochs", list(filter(None, [epochs_grid(material)]))
        yield "costs", list(filter(None, [costs_grid(material), search_costs(material)]))
        if published:
            yield "published", list(filter(None, [published_grid(first), published_margins(first)]))
    warnings = [text for result in material.results for text in result.warnings]
    yield "warnings", _texts(dict.fromkeys([*material.remarks, *warnings, *material.added.failures]))
    yield "damaged", _texts(f"{run}: {reason}" for run, reason in material.all_damaged.items())
    yield "failures", _texts(f"{run}: {reason}" for run, reason in material.failures.items())
    yield "outdated", _texts(f"{run}: {change}." for run, change in material.outdated.items())
    yield "unfinished", _texts(material.unfinished)


def _texts(sentences: Iterable[str]) -> list[Text]:
    return [Text(sentence) for sentence in sentences]
