"""A report for every drawn format: the first page, and the text, tables, figures, map and galleries of each study."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from attrs import evolve, frozen

from dmlcore.api.blocks import Block, Text
from dmlcore.api.result import Result
from dmlcore.errors import ResultsError
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.content.measurements import selecting_metric
from dmlcore.report.content.quantities import label
from dmlcore.report.figures.embedding_map import EmbeddingMap, embedding_map
from dmlcore.report.figures.gallery import Retrieval, retrieval
from dmlcore.report.figures.pictures import Pictures, study_pictures
from dmlcore.report.figures.study import drawn_sections
from dmlcore.report.front import Front
from dmlcore.report.sections import PLACES, in_appendix, own_blocks, place
from dmlcore.results.evidence import Evidence
from dmlcore.text import capitalized, counted, duration, point_label

Item = Block | EmbeddingMap | Retrieval


@frozen(eq=False)
class Part:
    """Items under a heading."""

    key: str
    title: str
    items: tuple[Item, ...]

    @property
    def appendix(self) -> bool:
        """Whether it follows all chapters."""
        return in_appendix(self.key)


@frozen(eq=False)
class StudyPage:
    """The whole report of a study."""

    name: str
    question: str
    facts: tuple[str, ...]
    """The state of the study in a few short phrases."""
    parts: tuple[Part, ...]
    pictures: Pictures

    @property
    def chapter(self) -> list[Part]:
        return [part for part in self.parts if not part.appendix]

    @property
    def appendix(self) -> list[Part]:
        return [part for part in self.parts if part.appendix]


@frozen(eq=False)
class Report:
    """The first page, a chapter for each study, and an appendix for each study."""

    front: Front
    pages: tuple[StudyPage, ...]

    @property
    def heading(self) -> str:
        """The title; empty where it would repeat the name of a single study."""
        repeated = not self.front.answers and self.front.title == self.pages[0].name
        return "" if repeated else self.front.title


def report_on(materials: Sequence[StudyMaterial], front: Front) -> Report:
    """Return the report on these studies."""
    pages = [study_page(material) for material in materials]
    return Report(front, tuple(map(_one_of_several, pages) if front.answers else pages))


def _one_of_several(page: StudyPage) -> StudyPage:
    parts = [evolve(part, items=tuple(own_blocks(part.key, part.items))) for part in page.parts]
    return evolve(page, parts=tuple(part for part in parts if part.items))


def study_page(material: StudyMaterial) -> StudyPage:
    """Return the page of a study, finished or not."""
    shown = best_run(material.results)
    found = tuple(_of_best_run(material, shown)) if shown else ()
    parts = [
        Part(section.key, section.title, tuple(section.blocks))
        for section in drawn_sections(material)
        if section.key != "question"  # it is the page's heading
    ]
    pictures = _pictures(material, shown, found) if shown else Pictures()
    for item in found:
        key = "gallery" if isinstance(item, Retrieval) else "map"
        named = item.with_files(pictures.names) if isinstance(item, Retrieval) else item
        parts.append(Part(key, PLACES[key].title, (named,)))
    parts.sort(key=lambda part: place(part.key))
    return StudyPage(material.name, material.question, tuple(_facts(material)), tuple(parts), pictures)


def best_run(results: Sequence[Result]) -> Result | None:
    """Return the first seed's run of the grid point with the highest mean MAP@R, else first headline metric."""
    if not results:
        return None
    metric = selecting_metric(results)
    values: dict[str, list[float]] = {}
    for result in results:
        values.setdefault(point_label(result.point), []).append(result.metrics.get(metric, float("-inf")))
    best = max(values, key=lambda point: fmean(values[point]))
    return next(result for result in results if point_label(result.point) == best)


def _of_best_run(material: StudyMaterial, result: Result) -> Iterator[EmbeddingMap | Retrieval | Text]:
    metric = label(selecting_metric(material.results))
    title = capitalized(f"{material.label(result)}, seed {result.seed} (highest {metric})")
    try:
        drawn = embedding_map(material, result, title)
    except ResultsError as error:
        yield Text(f"There is no map: {error}")
    else:
        yield from [drawn] if drawn else []
    evidence = material.evidence(result)
    if evidence is not None and evidence.neighbors.shape[1]:
        yield retrieval(evidence, title)


def _pictures(material: StudyMaterial, shown: Result, found: Sequence[EmbeddingMap | Retrieval | Text]) -> Pictures:
    evidence = material.evidence(shown)
    measured = [item for item in (evidence, *found) if isinstance(item, Evidence | EmbeddingMap)]
    if not measured:
        return Pictures()
    wanted = [int(row) for item in found if not isinstance(item, Text) for row in item.rows]
    folder = material.folders[shown.run].final.parent
    contents = str(shown.data.get("digest", ""))
    return study_pictures(folder, wanted, measured[0].labels, measured[0].class_names, material.images, contents)


def _facts(material: StudyMaterial) -> Iterator[str]:
    whole = material.run_count
    if whole:
        yield f"{len(material.results)} of {counted(whole, 'run')} finished"
    if material.damaged:
        yield f"{len(material.damaged)} damaged"
    if material.failures:
        yield f"{len(material.failures)} failed"
    if material.outdated:
        yield f"{len(material.outdated)} outdated"
    if material.results:
        facts = material.results[0].protocol
        if "test_images" in facts:
            yield f"{facts['test_images']:,} test images of {facts['test_classes']:,} unseen classes"
        yield f"{duration(sum(result.seconds for result in material.results))} of training and evaluation"
    if material.probe is not None:
        yield f"{counted(len(material.probe.trials), 'batch size')} tried"
