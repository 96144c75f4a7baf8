"""The sections of a study's report in order, for every format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dmlcore.api.blocks import Block, Section, Text
from dmlcore.report.content.costs import costs_grid
from dmlcore.report.content.epochs import epochs_grid
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.protocol import protocol_blocks
from dmlcore.report.content.published import published_grid, published_margins
from dmlcore.report.content.search_cost import search_costs
from dmlcore.report.content.table import full_columns, full_tables, headline, study_table, table_grid
from dmlcore.report.explanation import explain
from dmlcore.report.explanation.batch_size import explain_probe

TITLES = {
    "question": "Question",
    "probe": "Batch sizes tried",
    "results": "Results",
    "protocol": "Protocol",
    "explanation": "Explanation",
    "all_metrics": "All metrics",
    "learning": "Learning curves",
    "epochs": "Selection of the epoch",
    "map": "Map of the test embeddings",
    "gallery": "Retrieval examples and mistakes",
    "costs": "Time and memory",
    "published": "Published results",
    "warnings": "Warnings",
    "damaged": "Damaged results",
    "failures": "Failed runs",
    "outdated": "Outdated runs",
    "unfinished": "Unfinished runs",
}
"""Key of a section → its title, from first to last."""


def place(key: str) -> float:
    """Return the position of a section; those of plugins are before the warnings."""
    order = list(TITLES)
    return order.index(key) if key in TITLES else order.index("warnings") - 0.5


def study_sections(material: StudyMaterial, published: bool = True) -> list[Section]:
    """Return the sections that have content, including those of plugins.

    `published` adds published results on the same data set.
    """
    sections = [Section(TITLES[key], blocks, key) for key, blocks in _blocks(material, published) if blocks]
    return sorted([*sections, *(material.added.sections if material.results else ())], key=lambda s: place(s.key))


def _blocks(material: StudyMaterial, published: bool) -> Iterator[tuple[str, Sequence[Block]]]:
    """The key of each section and its blocks."""
    yield "question", _texts([material.question] if material.question else [])
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
