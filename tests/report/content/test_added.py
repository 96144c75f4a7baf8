"""Sections of plugins, in every format; one that fails is skipped and reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from safetensors.numpy import load_file

from dmlcore import Formula, PluginError, Section, StudyResults, Table, Text, plot
from dmlcore.handin.showing import pieces
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.front import Front
from dmlcore.report.page import StudyPage, study_page
from dmlcore.report.render import html, latex, markdown, pdf
from running import needs, pdf_text
from sample_results import drawn_material, letters, report_of


def metric_over_dimensions(study: StudyResults) -> Section:
    """All kinds of block, from the results and from the stored embeddings."""
    dims = [float(result.point["embedding.dim"]) for result in study.results]
    recalls = [result.metrics["retrieval/recall_at_1"] for result in study.results]
    shape = load_file(study.folders[study.results[0].run] / "embeddings.safetensors")["vectors"].shape
    return Section(
        "Recall, once more",
        [
            Text(f"Varied: {study.varied[0]}; the first run has {shape[0]} embeddings <b>."),
            Formula(r"R = \frac{a}{b}"),
            Table(["dim", "recall"], [[f"{d:g}", f"{r:.3f}"] for d, r in zip(dims, recalls, strict=True)], "By dim"),
            plot("Recall by dim", "Recall rises.", lambda axes: axes.plot(dims, recalls, label="%"), "See it rise."),
        ],
    )


def broken(study: StudyResults) -> Section:
    raise PluginError("The section 'bad' of dmlcore-more 1.2 failed.")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyMaterial:
    material = drawn_material(tmp_path_factory.mktemp("added"), letters(4, 10), dims=(8, 16), seeds=(0,))
    nothing = lambda study: None  # noqa: E731
    additions = (metric_over_dimensions, broken, nothing, metric_over_dimensions)
    return evolve(material, additions=additions, unfinished=("embedding.dim=32",))


@pytest.fixture(scope="module")
def page(study: StudyMaterial) -> StudyPage:
    return study_page(study)


FAILURE = "The section 'bad' of dmlcore-more 1.2 failed."


def test_they_stand_between_the_report_and_its_remarks(page: StudyPage) -> None:
    keys = [part.key for part in page.parts]
    start = keys.index("explanation")
    assert keys[start : start + 5] == ["explanation", "added-0", "added-3", "warnings", "unfinished"]


def test_html_draws_every_block(page: StudyPage) -> None:
    text = html.render(report_of(page))
    section = text[text.index('<section id="s1-added-0">') :].partition("</section>")[0]
    assert "embeddings &lt;b&gt;." in section
    assert 'aria-label="R = \\frac{a}{b}"' in section
    assert 'aria-label="Recall rises."' in section
    assert "See it rise." in section
    assert "By dim" in section
    assert "&#39;bad&#39; of dmlcore-more 1.2 failed" in text


def test_markdown_and_latex_tell_pictures_in_words(study: StudyMaterial) -> None:
    page = markdown.render(Front(study.name), [study])
    assert "## Recall, once more\n\nVaried: embedding.dim; the first run has 40 embeddings \\<b>.\n\n$$\n" in page
    assert "**Recall by dim**\n\nRecall rises.\n\nSee it rise.\n\n" in page
    assert FAILURE in page
    assert "Recall by dim\n\nRecall rises.\n\nSee it rise." in latex.render(study)


@needs("pdftotext")
def test_pdf_draws_them(page: StudyPage, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf.render(report_of(page)))
    words = pdf_text(path)
    for text in ("Recall, once more", "See it rise.", "By dim", "dmlcore-more 1.2"):
        assert text in words


def test_notebooks_show_their_words_and_figures(study: StudyMaterial) -> None:
    found = {piece.key: piece for piece in pieces(study)}
    words, picture, caption = found["added-0"].items
    assert repr(words).startswith("Varied: embedding.dim")
    assert repr(words).endswith("**Recall by dim**")
    assert repr(picture) == "Picture(name='added-0-3')"
    assert repr(caption).startswith("See it rise.")
    assert [picture.name for picture in found["added-3"].pictures] == ["added-3-3"], "files have different names"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Section("A", ["words"]), TypeError, ["plot()", "'words'"]),
        (lambda: Section(1, []), TypeError, ["title", "Got 1"]),
        (lambda: Text(0.5), TypeError, ["text", "Got 0.5"]),
        (lambda: Table(["a", "b"], [["1"]]), ValueError, ["Expected 2 cells", "Got 1: ['1']"]),
        (lambda: Table([], []), ValueError, ["header"]),
        (lambda: Table(["a"], [[1]]), TypeError, ["cell", "Got 1"]),
        (lambda: plot("a", "b", lambda axes: axes.no_plot()), AttributeError, ["no_plot"]),
    ],
)
def test_an_invalid_block_is_refused_where_it_is_created(
    make: Callable[[], Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_nothing_is_asked_of_a_study_without_results(study: StudyMaterial) -> None:
    empty = evolve(study, results=(), folders={})
    assert empty.added.sections == ()
    assert empty.added.failures == ()
