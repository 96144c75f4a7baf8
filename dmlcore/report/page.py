"""One study's page, whatever it is drawn as: words and tables, figures, map and galleries in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from dmlcore.api.blocks import Block, Figure, Section, Text
from dmlcore.api.result import Result
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.table import short_name
from dmlcore.report.figures.axes import short_point
from dmlcore.report.figures.embedding_map import EmbeddingMap, embedding_map
from dmlcore.report.figures.gallery import Retrieval, retrieval
from dmlcore.report.figures.pictures import Pictures, study_pictures
from dmlcore.report.figures.study import study_figures
from dmlcore.report.sections import study_sections
from dmlcore.results.evidence import Evidence
from dmlcore.text import counted, duration

QUESTION = "question"

ORDER = (
    QUESTION,
    "probe",
    "results",
    "protocol",
    "explanation",
    "all_metrics",
    "learning",
    "epochs",
    "map",
    "gallery",
    "costs",
    "published",
    "warnings",
    "failures",
    "unfinished",
)
"""Keys of sections from first to last; those that plugins add stand before the remarks."""

REMARKS = ORDER.index("warnings")

TITLES = {
    "probe": "Batch sizes tried",
    "learning": "Learning curves",
    "map": "Map of the test embeddings",
    "gallery": "What is found, and what is mistaken",
    "costs": "Time and memory",
}
"""Of sections that may consist of figures alone."""

Item = Block | EmbeddingMap | Retrieval


@frozen(eq=False)
class Part:
    """Items under a heading."""

    key: str
    title: str
    items: tuple[Item, ...]


@frozen(eq=False)
class StudyPage:
    """All of a study's report."""

    name: str
    question: str
    facts: tuple[str, ...]
    """How much of the study is there, in a few short phrases."""
    parts: tuple[Part, ...]
    pictures: Pictures


def study_page(material: StudyMaterial) -> StudyPage:
    """The page of a study, finished or not."""
    shown = best_run(material.results)
    found = tuple(_of_best_run(material, shown)) if shown else ()
    sections = {section.key or section.title: section for section in study_sections(material)}
    items = _by_key(sections, study_figures(material), found)
    parts = [Part(key, sections[key].title if key in sections else TITLES[key], items[key]) for key in items]
    parts.sort(key=lambda part: place(part.key))
    pictures = _pictures(material, shown, found) if shown else Pictures()
    return StudyPage(material.name, material.question, tuple(_facts(material)), tuple(parts), pictures)


def place(key: str) -> float:
    """Where a section stands: those in order have whole numbers."""
    return ORDER.index(key) if key in ORDER else REMARKS - 0.5


def best_run(results: Sequence[Result]) -> Result | None:
    """The first seed's run of the grid point with the highest mean of MAP@R, or else of the first headline metric."""
    if not results:
        return None
    metric = map_metric(results[0])
    means: dict[str, list[float]] = {}
    for result in results:
        means.setdefault(short_point(result.point), []).append(result.metrics.get(metric, float("-inf")))
    best = max(means, key=lambda label: sum(means[label]) / len(means[label]))
    return next(result for result in results if short_point(result.point) == best)


def map_metric(result: Result) -> str:
    """The metric that says which grid point is shown from near."""
    names = [*(name for name in result.metrics if name.endswith("/map_at_r")), *result.headline]
    return names[0] if names else next(iter(result.metrics))


def _of_best_run(material: StudyMaterial, result: Result) -> Iterator[EmbeddingMap | Retrieval]:
    title = f"{short_point(result.point)}, seed {result.seed}: the highest {short_name(map_metric(result))}"
    drawn = embedding_map(material, result, title)
    if drawn is not None:
        yield drawn
    evidence = material.evidence(result)
    if evidence is not None and evidence.neighbors.shape[1]:
        yield retrieval(evidence, title)


def _by_key(
    sections: dict[str, Section], figures: dict[str, list[Figure]], found: Sequence[EmbeddingMap | Retrieval]
) -> dict[str, tuple[Item, ...]]:
    items: dict[str, tuple[Item, ...]] = {key: tuple(section.blocks) for key, section in sections.items()}
    if all(isinstance(block, Text) for block in items.get(QUESTION, ())):
        items.pop(QUESTION, None)  # the page's heading says it
    for key, drawn in figures.items():
        items[key] = (*items.get(key, ()), *drawn)
    for item in found:
        items["map" if isinstance(item, EmbeddingMap) else "gallery"] = (item,)
    return items


def _pictures(material: StudyMaterial, shown: Result, found: Sequence[EmbeddingMap | Retrieval]) -> Pictures:
    evidence = material.evidence(shown)
    measured = [item for item in (evidence, *found) if isinstance(item, Evidence | EmbeddingMap)]
    if not measured:
        return Pictures()
    wanted = [int(row) for item in found for row in item.rows]
    folder = material.folders[shown.run].final.parent
    return study_pictures(folder, wanted, measured[0].labels, measured[0].class_names, material.images)


def _facts(material: StudyMaterial) -> Iterator[str]:
    whole = len(material.results) + len(material.unfinished) + len(material.failures)
    if whole:
        yield f"{len(material.results)} of {counted(whole, 'run')} finished"
    if material.failures:
        yield f"{len(material.failures)} failed"
    if material.results:
        facts = material.results[0].protocol
        if "test_images" in facts:
            yield f"{facts['test_images']:,} test images of {facts['test_classes']:,} unseen classes"
        yield f"{duration(sum(result.seconds for result in material.results))} of training and measuring"
    if material.probe is not None:
        yield f"{counted(len(material.probe.trials), 'batch size')} tried"
