"""The whole report of a study in order, for every format to draw."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Block, Section, Text
from dmlcore.report.content.costs import costs_grid
from dmlcore.report.content.epochs import epochs_grid
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.published import published_grid, published_margins
from dmlcore.report.content.stamps import row_stamps, stamp_texts
from dmlcore.report.content.table import full_table, study_table, table_grid
from dmlcore.report.explanation import explain_runs
from dmlcore.report.explanation.batch_size import explain_probe


def study_sections(material: StudyMaterial, published: bool = True) -> list[Section]:
    """Those that there is something for, of the keys question, probe, results, protocol, explanation, all_metrics,
    epochs, costs, published, then those of plugins, and warnings, failures and unfinished.

    `published` lays published results under those of a data set that has some.
    """
    return list(_sections(material, published))


def _sections(material: StudyMaterial, published: bool) -> Iterator[Section]:
    if material.question:
        yield Section("Question", [Text(material.question)], "question")
    if material.probe is not None:
        yield Section("Smallest batch", list(explain_probe(material.probe)), "probe")
    if material.results:
        yield Section("Results", [table_grid(study_table(material))], "results")
        yield Section("Protocol", stamp_texts(row_stamps(material)), "protocol")
        yield explain_runs(material)
        yield from _further(material, published)
        yield from material.added.sections
    yield from _remarks(material)


def _further(material: StudyMaterial, published: bool) -> Iterator[Section]:
    full = full_table(material)
    if full.columns != study_table(material).columns:
        yield Section("All metrics", [table_grid(full)], "all_metrics")
    epochs = epochs_grid(material)
    if epochs is not None:
        yield Section("The epoch that is reported", [epochs], "epochs")
    yield Section("Time and memory", [costs_grid(material)], "costs")
    if published:
        grids = [published_grid(material.results[0]), published_margins(material.results[0])]
        blocks: list[Block] = [grid for grid in grids if grid is not None]
        if blocks:
            yield Section("Published results", blocks, "published")


def _remarks(material: StudyMaterial) -> Iterator[Section]:
    told = [text for result in material.results for text in result.warnings]
    warnings = dict.fromkeys([*told, *material.added.failures])
    if warnings:
        yield Section("To be known", [Text(text) for text in warnings], "warnings")
    if material.failures:
        texts = [Text(f"{run}: {reason}") for run, reason in material.failures.items()]
        yield Section("Runs that failed", texts, "failures")
    if material.unfinished:
        yield Section("Runs still to be made", [Text(run) for run in material.unfinished], "unfinished")
