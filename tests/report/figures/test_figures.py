"""Figures: complete, named, the same each time, and readable on both grounds."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib.figure
import pytest
from attrs import evolve

from dmlcore.api.blocks import Figure
from dmlcore.api.result import LossFacts
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.axes import LETTERS, by_doubling, label_lines
from dmlcore.report.figures.drawing import INK, RAMP, colors, formula, from_zero
from dmlcore.report.figures.study import study_figures
from sample_results import FORMULA, drawn_material, drawn_probe, letters, made_material


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> StudyMaterial:
    root = tmp_path_factory.mktemp("figures")
    drawn = drawn_material(root, letters(10, 8), dims=(16, 64, 256), seeds=(0, 1))
    return evolve(drawn, probe=drawn_probe())


@pytest.fixture(scope="module")
def drawn(material: StudyMaterial) -> dict[str, list[Figure]]:
    return study_figures(material)


def test_every_figure_is_there_and_described_in_words(drawn: dict[str, list[Figure]]) -> None:
    found = {key: [figure.key for figure in figures] for key, figures in drawn.items()}
    assert found == {
        "probe": ["probe"],
        "results": ["metrics"],
        "explanation": ["quantities", "similarities", "dimensions", "spectrum", "activity", "recorded"],
        "learning": ["learning"],
        "costs": ["cost"],
    }
    for figure in (figure for figures in drawn.values() for figure in figures):
        assert figure.title
        assert figure.caption.endswith(".")
        assert figure.panels
        for panel in figure.panels:
            assert panel.svg.startswith("<svg ")
            assert panel.alt.endswith(".")
            assert len(panel.svg) < 80_000


def test_a_figure_is_drawn_the_same_each_time_and_shares_no_id(
    material: StudyMaterial, drawn: dict[str, list[Figure]]
) -> None:
    once, again = (
        [panel.svg for figures in found.values() for figure in figures for panel in figure.panels]
        for found in (drawn, study_figures(material))
    )
    assert once == again
    ids = [set(re.findall(r'id="([^"]*)"', svg)) for svg in once]
    assert sum(map(len, ids)) == len(set().union(*ids))


def test_metrics_are_described_with_their_bounds(drawn: dict[str, list[Figure]]) -> None:
    (figure,) = drawn["results"]
    for panel, name in zip(figure.panels, ("Recall@1", "Recall@2", "MAP@R", "NMI"), strict=True):
        bounds = r"[\d.]+ \[[\d.]+, [\d.]+\]"
        assert re.fullmatch(rf"{name} over embedding dimension: 16: {bounds}, 64: .*, 256: .*\.", panel.alt)


def test_a_probe_describes_every_size(drawn: dict[str, list[Figure]]) -> None:
    (figure,) = drawn["probe"]
    assert "Batch size 9: refused, impossible." in figure.panels[0].alt
    assert "Batch size 5: refused, collapsed, gain -0.050." in figure.panels[0].alt
    assert "Batch size 20: weak, gain 0.150." in figure.panels[0].alt
    labels = ["× impossible", "✖ failed", "▼ collapsed", "■ inconclusive", "▲ weak", "● learns"]
    assert [key.label for key in figure.legend] == labels


def test_every_size_of_a_probe_has_its_label(drawn: dict[str, list[Figure]]) -> None:
    (figure,) = drawn["probe"]
    sizes = [str(trial.batch_size) for trial in drawn_probe().trials]
    for panel in figure.panels:
        words = [word.strip() for word in re.findall(r">([^<>]+)</text>", panel.svg)]
        assert [word for word in words if word in sizes] == sizes


def test_results_of_older_versions_have_the_figures_that_they_can_have(material: StudyMaterial) -> None:
    results = tuple(evolve(r, geometry={}, baseline_geometry={}, peak_memory=None, files={}) for r in material.results)
    old = evolve(material, results=results, probe=None)
    for folder in old.folders.values():
        for path in folder.final.glob("*.safetensors"):
            path.rename(path.with_suffix(".away"))
    try:
        found = {key: [figure.key for figure in figures] for key, figures in study_figures(old).items()}
    finally:
        for folder in old.folders.values():
            for path in folder.final.glob("*.away"):
                path.rename(path.with_suffix(".safetensors"))
    assert found["explanation"] == ["quantities", "activity", "recorded"]
    assert found["results"] == ["metrics"]


def test_a_study_without_results_has_no_figure(tmp_path: Path, material: StudyMaterial) -> None:
    assert study_figures(evolve(material, results=(), probe=None)) == {}


def test_a_study_of_one_point_has_no_curve_over_a_grid(material: StudyMaterial) -> None:
    first = [result for result in material.results if result.point == material.results[0].point]
    alone = evolve(material, varied=(), results=tuple(evolve(r, point={}) for r in first), probe=None)
    found = {key: [figure.key for figure in figures] for key, figures in study_figures(alone).items()}
    assert found == {
        "explanation": ["similarities", "spectrum", "activity", "recorded"],
        "learning": ["learning"],
    }


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in matplotlib.colors.to_rgb(color)
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize("color", RAMP)
def test_lines_stand_out_on_a_light_and_on_a_dark_page(color: str) -> None:
    assert 1.05 / (luminance(color) + 0.05) >= 3, "the contrast that WCAG 2 asks of graphics"
    assert (luminance(color) + 0.05) / (luminance("#14171c") + 0.05) >= 3


def test_colors_are_as_many_as_asked_for() -> None:
    for count in (1, 2, 7, 8, 30):
        assert len(set(colors(count))) == count


def test_a_formula_is_drawn_or_refused() -> None:
    drawn = formula(FORMULA)
    assert INK in drawn.svg
    assert "<text" not in drawn.svg, "letters are outlines, so that no font is needed"
    assert drawn.alt == FORMULA
    with pytest.raises(ValueError, match="begin"):
        formula(r"\begin{cases} 1 \end{cases}")


def test_sizes_double_and_margins_do_not() -> None:
    assert by_doubling([32, 64, 1024])
    assert by_doubling([1e-5, 1e-3])
    assert not by_doubling([0.1, 0.2, 0.5])
    assert not by_doubling([0, 5, 100])
    assert not by_doubling([2, 3, 4])


def test_long_names_are_rows_within_the_panel(tmp_path: Path) -> None:
    names = [
        {"use": "multi_similarity", "alpha": 2.0, "beta": 50.0, "base": 0.5},
        {"use": "multi_similarity", "alpha": 2.5, "beta": 60.0, "base": 0.25},
        {"use": "x" * 60},
    ]
    points = [{"loss": name} for name in names]
    (figure,) = study_figures(made_material(tmp_path, points, lambda point: 0.5, seeds=[0]))["results"]
    for panel in figure.panels:
        words = re.findall(r"<text[^>]*>([^<]*)</text>", panel.svg)
        assert {"multi_similarity,", "alpha 2, beta 50, bas…", f"{'x' * (LETTERS - 1)}…"} <= set(words)
        places = re.findall(r'<text style="[^"]*end[^"]*" x="([\d.-]+)" y="([\d.-]+)"', panel.svg)
        assert len(places) == 1
        assert all(float(x) > 6 * LETTERS for x, _ in places), "names end at the axis and have room on their left"


def test_labels_have_room() -> None:
    assert label_lines([0.0, 0.01, 0.02, 0.5, 1.0], False) == [0, 1, None, 0, 0]
    assert label_lines([1, 2, 4, 8], True) == [0, 0, 0, 0]
    assert label_lines([10, 20, 25, 30, 50, 100], False) == [0, 0, 1, 0, 0, 0]


def test_settings_are_named_as_a_person_says_them(drawn: dict[str, list[Figure]]) -> None:
    words = {word for panel in drawn["results"][0].panels for word in texts_of(panel.svg)}
    assert "Embedding dimension" in words
    assert {"16", "64", "256"} <= words
    assert [key.label for key in drawn["learning"][0].legend] == ["16", "64", "256"]
    assert drawn["learning"][0].caption.startswith("One color per embedding dimension")
    titles = [texts_of(panel.svg)[-1] for panel in drawn["explanation"][1].panels]
    assert titles[:2] == ["Untrained network", "Embedding dimension 16"]


def texts_of(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_a_margin_is_named_with_what_it_measures(tmp_path: Path) -> None:
    loss = LossFacts("contrastive", margin=0.5, margin_axis="cosine", margin_kind="threshold")
    points = [{"loss.margin": margin} for margin in (0.1, 0.5)]
    (metrics, *_) = study_figures(made_material(tmp_path, points, lambda point: 0.5, seeds=[0], loss=loss))["results"]
    assert "Margin (cosine)" in texts_of(metrics.panels[0].svg)


def test_curves_at_zero_have_room_below() -> None:
    figure = matplotlib.figure.Figure()
    axes = figure.add_subplot()
    axes.plot([0.5, 0.0, 0.0])
    from_zero(axes)
    low, high = axes.get_ylim()
    assert low < 0 < 0.5 < high
