"""The sections of a study with their figures."""

from __future__ import annotations

from collections.abc import Iterator

from dmlcore.api.blocks import Figure, Section
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.convergence import convergence_curves
from dmlcore.report.figures.cost import cost_figure
from dmlcore.report.figures.dimension import dimension_figure
from dmlcore.report.figures.distributions import similarity_histograms, spectra
from dmlcore.report.figures.margin import published_margins_figure
from dmlcore.report.figures.over_epochs import activity_curves, learning_curves, recorded_curves
from dmlcore.report.figures.over_grid import metric_curves, quantity_curves
from dmlcore.report.figures.probe import probe_picture
from dmlcore.report.figures.proxies import proxies_figure
from dmlcore.report.sections import PLACES, place, study_sections


def drawn_sections(material: StudyMaterial) -> list[Section]:
    """Return the sections of the report in order, each with its figures below its other blocks."""
    sections = {section.key: section for section in study_sections(material)}
    for key, figures in study_figures(material).items():
        blocks = sections[key].blocks if key in sections else ()
        sections[key] = Section(PLACES[key].title, [*blocks, *figures], key)
    return sorted(sections.values(), key=lambda section: place(section.key))


def study_figures(material: StudyMaterial) -> dict[str, list[Figure]]:
    """Return section key → its figures; figures without stored results are omitted."""
    figures: dict[str, list[Figure]] = {}
    for section, figure in _figures(material):
        if figure is not None:
            figures.setdefault(section, []).append(figure)
    return figures


def _figures(material: StudyMaterial) -> Iterator[tuple[str, Figure | None]]:
    if material.probe is not None:
        yield "probe", probe_picture(material.probe)
    if not material.results:
        return
    yield "results", metric_curves(material)
    yield "explanation", quantity_curves(material)
    yield "explanation", similarity_histograms(material)
    yield "explanation", dimension_figure(material)
    yield "explanation", spectra(material)
    yield "explanation", proxies_figure(material)
    yield "explanation", convergence_curves(material)
    yield "explanation", activity_curves(material)
    yield "explanation", recorded_curves(material)
    yield "explanation", published_margins_figure(material)
    yield "learning", learning_curves(material)
    yield "costs", cost_figure(material)
