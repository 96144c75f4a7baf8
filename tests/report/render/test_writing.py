"""The same report as HTML, PDF, Markdown, CSV and LaTeX."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve

from dmlcore.api.blocks import Table
from dmlcore.api.result import LossFacts, Result
from dmlcore.errors import DmlcoreError
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.pictures import Pictures
from dmlcore.report.front import Front, front_of
from dmlcore.report.page import Part, Report, StudyPage, best_run, study_page
from dmlcore.report.render import html, pdf
from dmlcore.report.render.pdf import shown
from dmlcore.report.render.writing import write_report
from running import needs, pdf_text, python
from sample_results import drawn_material, drawn_probe, letters, report_of, result

HOSTILE = 'Is <script>alert("x")</script> & #panic("y") $z$ *b* \\ `c` @d {{ e }} safe?'


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyMaterial:
    root = tmp_path_factory.mktemp("formats")
    drawn = drawn_material(root, letters(12, 10), dims=(16, 64), seeds=(0, 1), question=HOSTILE)
    results = tuple(evolve(r, loss=LossFacts("x", r"\begin{cases} 1 \end{cases}")) for r in drawn.results)
    return evolve(
        drawn,
        results=results,
        probe=drawn_probe(),
        unfinished=("embedding.dim=128 seed=0",),
        failures={"embedding.dim=2 seed=0": "The loss became <nan>."},
    )


@pytest.fixture(scope="module")
def page(study: StudyMaterial) -> StudyPage:
    return study_page(study)


@pytest.fixture(scope="module")
def text(page: StudyPage) -> str:
    return html.render(report_of(page))


class Tags(HTMLParser):
    """Every start tag with its attributes, and the ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_names_nothing_outside_itself(text: str) -> None:
    for tag, attributes in Tags(text).found:
        assert tag not in ("iframe", "object", "embed", "base", "img")
        for name in ("src", "href", "xlink:href", "action", "data"):
            address = attributes.get(name)
            assert address is None or address.startswith(("#", "data:")), (tag, address)
        assert not [name for name in attributes if name.startswith("on")]
    addresses = re.findall(r"url\(([^)]*)\)", text)
    assert {address.startswith(("data:image/webp;base64,", "#")) for address in addresses} == {True}


def test_only_the_page_s_own_script_may_run(text: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'" in text
    assert "eval(" not in script
    assert "innerHTML" not in script


def test_what_a_study_says_is_text_and_no_markup(text: str) -> None:
    assert "<script>alert" not in text
    assert "<h1>Is &lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; #panic" in text
    assert "The loss became &lt;nan&gt;." in text
    assert r"<code>\begin{cases} 1 \end{cases}</code>" in text, "mathtext can't draw it"


def test_ids_are_unique_and_links_lead_somewhere(page: StudyPage) -> None:
    several = Report(Front("Two studies", answers=(None, None)), (page, evolve(page, name="another")))
    tags = Tags(html.render(several)).found
    ids = [
        attributes["id"] for tag, attributes in tags if "id" in attributes and tag in ("article", "section", "details")
    ]
    assert len(set(ids)) == len(ids)
    links = {attributes["href"] for tag, attributes in tags if tag == "a"}
    assert links == {f"#{name}" for name in ids}


def test_sections_are_in_their_order(page: StudyPage) -> None:
    keys = [part.key for part in page.parts]
    expected = ["results", "probe", "explanation", "failures", "unfinished", "learning", "costs", "map", "gallery"]
    assert [key for key in keys if key in expected] == expected
    assert [part.key for part in page.appendix if part.key in expected] == expected[5:]


def test_without_images_the_rest_is_there(study: StudyMaterial) -> None:
    for path in study.folders[study.results[0].run].final.parent.glob("pictures.safetensors"):
        path.unlink()
    text = html.render(report_of(study_page(evolve(study, images=None))))
    assert text.count("test images are not available") == 2
    assert "url(data:" not in text
    assert "<circle" in text
    assert "Most confused pairs" in text


def test_results_of_older_versions_have_a_map_with_pictures(tmp_path: Path) -> None:
    material = drawn_material(tmp_path, letters(4, 10), dims=(16,), seeds=(0,))
    for path in tmp_path.rglob("evidence.safetensors"):
        path.unlink()
    page = study_page(evolve(material, results=tuple(evolve(result, files={}) for result in material.results)))
    assert "map" in [part.key for part in page.parts]
    assert "gallery" not in [part.key for part in page.parts]
    assert len(page.pictures.files) == 40


def test_a_study_that_has_not_begun(study: StudyMaterial) -> None:
    empty = evolve(study, results=(), probe=None, folders={}, images=None, failures={}, question="")
    text = html.render(report_of(study_page(empty)))
    assert "<h1>letters_dim</h1>" in text
    assert "0 of 1 run finished" in text
    assert "embedding.dim=128 seed=0" in text
    assert pdf.render(report_of(study_page(empty))).startswith(b"%PDF")


@pytest.mark.slow
def test_twenty_runs_and_a_thousand_pictures_stay_small(tmp_path: Path) -> None:
    material = drawn_material(tmp_path, letters(40, 25))
    text = html.render(report_of(study_page(material)))
    assert text.count("<circle") >= 1000
    assert len(text.encode()) < 5_000_000


def test_the_best_run_is_of_the_best_mean_and_the_first_seed() -> None:
    def run(k: int, seed: int, value: float) -> Result:
        return result(point={"k": k}, seed=seed, metrics={"retrieval/recall_at_1": 0.5, "retrieval/map_at_r": value})

    results = [run(1, 0, 0.9), run(1, 1, 0.1), run(2, 0, 0.6), run(2, 1, 0.7)]
    assert best_run(results) is results[2]
    assert best_run([]) is None


@needs("pdftotext", "pdffonts")
def test_the_pdf_says_the_same(page: StudyPage, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf.render(report_of(page)))
    text = pdf_text(path)
    words = " ".join(text.split())
    assert '<script>alert("x")</script> & #panic("y") $z$ *b* \\ `c` @d {{ e }} safe?' in words
    assert "The loss became <nan>." in words
    assert "Batch sizes tried" in words
    pages = text.count("\f")
    assert re.search(rf"{pages} ?/ ?{pages}$", words)
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
    assert "DejaVuSans" in fonts, "letters of the figures are letters"


@pytest.fixture(scope="module")
def several(page: StudyPage, study: StudyMaterial) -> Report:
    front = front_of([study, evolve(study, name="other")], "Letters & margins", "Ada Example")
    return Report(front, (page, evolve(page, name="other")))


def test_several_studies_begin_with_their_answers_and_end_with_their_appendices(several: Report) -> None:
    text = html.render(several)
    marks = ['id="answers"', 'id="s1"', 'id="s2"', 'id="s2-results"', 'id="a1"', 'id="s1-map"', 'id="a2"']
    assert sorted(marks, key=text.index) == marks
    answers = text[text.index('id="answers"') : text.index('id="s1"')]
    assert several.front.answers[0] is not None
    assert several.front.answers[0].figures in answers
    assert '<a href="#s2">Chapter 2</a>' in answers
    assert "Best row of every study" in answers


def test_title_and_author_are_in_every_page(several: Report) -> None:
    text = html.render(several)
    assert "<title>Letters &amp; margins – dmlcore report</title>" in text
    assert '<p class="author">Ada Example</p>' in text
    assert '<meta name="author" content="Ada Example">' in text


def test_studies_of_the_same_images_share_the_pictures_of_their_maps(page: StudyPage, several: Report) -> None:
    single = html.render(report_of(page)).count("data:image/webp")
    assert html.render(several).count("data:image/webp") == single == 2


@needs("pdftotext", "pdfinfo")
def test_the_pdf_has_title_author_and_the_pages_of_its_chapters(several: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf.render(several))
    assert path.read_bytes() == pdf.render(several), "no date"
    facts = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Title: +Letters & margins\n", facts)
    assert re.search(r"Author: +Ada Example\n", facts)
    sheets = [" ".join(sheet.split()) for sheet in pdf_text(path).split("\f")[:-1]]
    for number, sheet in enumerate(sheets, start=1):
        assert re.search(rf"Letters & margins Ada Example {number} ?/ ?{len(sheets)}$", sheet)
    for chapter, name in ((1, "letters_dim"), (2, "other")):
        (start,) = (place for place, sheet in enumerate(sheets, start=1) if f"Chapter {chapter}: {name}" in sheet)
        assert f"Chapter {chapter}, page {start}" in sheets[0]


@needs("pdftotext")
def test_a_wide_table_of_the_pdf_breaks_no_word_of_its_header(tmp_path: Path) -> None:
    header = ["run", *(f"embedding.dim of column_{number}" for number in range(30))]
    table = Table(header, [[f"row {row}", *(f"0.{row}{number:03}" for number in range(30))] for row in range(3)])
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf.render(report_of(StudyPage("a", "", (), (Part("x", "X", (table,)),), Pictures()))))
    words = pdf_text(path).split()
    assert words.count("embedding.dim") == 30
    assert {f"column_{number}" for number in range(30)} <= set(words)
    assert words.count("0.2029") == 1
    assert words.count("row") > 3, "its parts repeat the names of the rows"


def test_a_folded_table_is_closed_in_html(text: str) -> None:
    page = StudyPage("a", "", (), (Part("x", "Facts", (Table(["a"], [["1"]], folded=True),)),), Pictures())
    assert "<details><summary>Facts: 1 row" in html.render(report_of(page))


def test_typst_gets_no_invisible_text() -> None:
    assert shown({"rows": [("a\x00", "b\nc")], "size": 7, "file": None}) == {
        "rows": [["a\\u0000", "b\nc"]],
        "size": 7,
        "file": None,
    }


def test_each_suffix_has_its_format(study: StudyMaterial, tmp_path: Path) -> None:
    paths = [tmp_path / "deep" / f"report{suffix}" for suffix in (".html", ".md", ".csv", ".tex", ".pdf")]
    write_report([study, evolve(study, name="other")], paths)
    page, text, table, latex, printed = (path.read_bytes() for path in paths)
    assert page.startswith(b"<!doctype html>")
    assert re.findall("^##? .*", text.decode(), re.MULTILINE) == [
        "# Report on 2 studies",
        "## Answers",
        "## Chapter 1: letters_dim",
        "## Chapter 2: other",
        "## Appendix to chapter 1: letters_dim",
        "## Appendix to chapter 2: other",
    ]
    assert len(list(csv.DictReader(table.decode().splitlines()))) == 8
    assert b"letters" in latex
    assert printed.startswith(b"%PDF")
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {path.name for path in paths}


def test_an_unknown_suffix_is_refused_before_anything_is_written(study: StudyMaterial, tmp_path: Path) -> None:
    with pytest.raises(DmlcoreError) as error:
        write_report([study], [tmp_path / "a.md", tmp_path / "b.docx"])
    for word in (f"{tmp_path}/b.docx", "'.docx'", ".html, .md, .csv, .tex, .pdf"):
        assert word in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_report_loads_no_torch() -> None:
    code = "import sys; from dmlcore.report.render import html, pdf, writing; assert 'torch' not in sys.modules"
    python("-c", code)
