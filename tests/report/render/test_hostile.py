"""Texts from studies, folders and plugins are the same texts in every format: no markup, no request, no script."""

from __future__ import annotations

import csv as reader
import io
import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

import pypandoc
import pytest
from markdown_it import MarkdownIt

from dmlcore import Formula, Table
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.figures.drawing import checked_formula, panel, plain
from dmlcore.report.render import csv, html, latex, markdown
from dmlcore.report.render.pdf import compiled
from dmlcore.report.render.writing import write_report
from dmlcore.text import one_line, visible
from hostile_study import INPUT, TEXTS, hostile_material
from hostile_text import FORMULAS, MARKUP, Listener
from report.render.browser import browser
from running import needs, pdf_text


class Seen(HTMLParser):
    """The text of a page, and its tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, Mapping[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


@pytest.fixture(scope="module")
def material(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> StudyMaterial:
    return hostile_material(tmp_path_factory.mktemp("hostile"), listener.named_in)


@pytest.fixture(scope="module")
def written(material: StudyMaterial, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("written")
    paths = {suffix: folder / f"report.{suffix}" for suffix in ("html", "md", "csv", "tex", "pdf")}
    write_report([material], list(paths.values()))
    return paths


def as_html(source: str) -> Seen:
    return Seen(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source))


@pytest.mark.parametrize("text", [*MARKUP, *FORMULAS])
def test_markdown_shows_the_same_text(text: str) -> None:
    for source, tags in ((markdown.paragraphs(text), {"p", "span"}), (markdown.heading(2, text), {"h2", "span"})):
        seen = as_html(source)
        assert seen.text.strip() == one_line(text)
        assert {tag for tag, _ in seen.tags} <= tags
    table = as_html(markdown.grid_markdown(Table(("a", text), [(text, "1")], text, [text])))
    assert table.text.count(one_line(text)) == 4
    allowed = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "span"}
    assert {tag for tag, _ in table.tags} <= allowed
    code = as_html(f"a {markdown.code(text)}")
    assert code.text.strip() == f"a {one_line(text)}"
    assert [tag for tag, _ in code.tags] == ["p", "code"]


def test_no_two_signs_of_tex_are_in_one_text_of_the_page() -> None:
    """MathJax reads the text of the finished page, element by element."""
    assert markdown.inline(r"a $x$ \(y") == r"a <span>\$</span>x<span>\$</span> <span>\\</span>(y"


def test_markdown_as_it_has_always_been() -> None:
    for text in ("Recall@1 [0.1, 0.2], p < 0.001; m_per_class is 2.5 & more", "loss=triplet(margin=0.1,k=a_b)", "−0.5"):
        assert markdown.paragraphs(text) == markdown.inline(text) == text


def test_latex_shows_the_same_text() -> None:
    page = "\n\n".join(latex.escaped(text) for text in (*MARKUP, *FORMULAS))
    page = page.replace(r"\textasciigrave{}", "GRAVE").replace(r"\textbar{}", "BAR")  # which pandoc does not know
    seen = Seen(pypandoc.convert_text(page, "html", "latex", extra_args=["--wrap=none"], sandbox=True))
    text = seen.text.replace("GRAVE", "`").replace("BAR", "|").replace("’", "'")
    assert text.strip().splitlines() == [one_line(text) for text in (*MARKUP, *FORMULAS)]
    assert {tag for tag, _ in seen.tags} == {"p", "span", "em"}, "of the α, which LaTeX has only in math"


def test_latex_has_no_ligature_and_no_option_that_a_text_did_not_ask_for() -> None:
    assert latex.escaped("--set ''x'' `y`") == r"-{}-set '{}'x'{}' \textasciigrave{}y\textasciigrave{}"
    assert "{}[1] & 2 \\\\\n{}*x & [3] \\\\" in latex.grid_latex(Table(("a", "b"), [("[1]", "2"), ("*x", "[3]")]))


@pytest.mark.parametrize(
    "formula",
    [
        INPUT,
        r"\input{x}",
        r"x$ \input{/etc/passwd} $y",
        r"\text{\input /etc/passwd }",
        r"\text{^^5cinput x}",
        r"\text{50% of #1}",
        r"x \% % y",
        "\x1b[31m",
        r"\begin{cases} 1 \end{cases}",
    ],
)
def test_a_formula_with_other_commands_is_its_source(formula: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        checked_formula(formula)
    assert Seen(str(html.formula_svg(formula))).text == visible(formula)
    assert markdown.block_markdown(Formula(formula)) == markdown.code(formula)
    assert latex.block_latex(Formula(formula)) == rf"\texttt{{{latex.escaped(formula)}}}"


def test_a_formula_is_one_where_nobody_reads_it_as_math() -> None:
    formula = r"L = [a](b) <b> ![c] \max(\left[x\right], 0) \text{if so}"
    spaced = r"L = [a] (b) < b> ! [c] \max(\left[x\right], 0) \text{if so}"
    assert markdown.block_markdown(Formula(formula)) == f"$$\n{spaced}\n$$"
    assert latex.block_latex(Formula(f"\n{formula}\n\n")) == f"\\[\n{formula}\n\\]"


def test_csv_has_no_formula_and_can_be_read_back() -> None:
    row = {f"column {text}": text for text in FORMULAS} | {text: text for text in FORMULAS}
    table = csv.csv_text([row | {"number": -1.5, "text": "-1.5e-05", "plus": "+2", "name": "it's"}])
    names, cells = list(reader.reader(io.StringIO(table)))
    assert not [cell for cell in (*names, *cells[:-4]) if cell.startswith(tuple("=+-@\t％%|＝"))]
    assert cells[-4:] == ["-1.5", "-1.5e-05", "+2", "it's"]
    back = dict(
        zip(
            *([re.sub(r"^'(?='*[=+\-@|%\t＝＋－＠])", "", cell) for cell in line] for line in (names, cells)),
            strict=True,
        )
    )
    assert {name: value for name, value in back.items() if name in row} == row
    assert cells[0] == "'=HYPERLINK(A1)"


def test_figures_show_the_same_text() -> None:
    text = '$a$b$ \\$ <b> #1b2330 font-family: x; version="1.1" fill'
    seen = Seen(panel("name", "", lambda axes: axes.set_title(plain(text))).svg)
    assert text in seen.text
    themed = Seen(str(html.themed(panel("name", text, lambda axes: axes.set_title(plain(text))))))
    assert text in themed.text
    assert themed.tags[0][1]["aria-label"] == text


def test_a_plugin_s_figure_with_dollars_is_drawn() -> None:
    """Plugins draw names of classes, too."""
    seen = Seen(panel("name", "", lambda axes: axes.set(title=r"$\no$", xlabel="猫", ylabel="a\x1bb")).svg)
    assert r"$\no$" in seen.text
    assert "猫" in seen.text
    assert r"a\u001bb" in seen.text


def test_the_html_report_shows_every_text(written: Mapping[str, Path], listener: Listener) -> None:
    seen = Seen(written["html"].read_text(encoding="utf-8"))
    assert [text for text in TEXTS if visible(listener.named_in(text)) not in seen.text] == []
    assert {tag for tag, _ in seen.tags}.isdisjoint({"img", "iframe", "object", "embed", "base", "form", "image"})
    for tag, attributes in seen.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), tag


@needs("chromium", "chromedriver")
def test_no_script_of_a_text_runs_and_nothing_is_asked_for(written: Mapping[str, Path], listener: Listener) -> None:
    with browser() as page:
        page.open(written["html"])
        page.run("for (const details of document.querySelectorAll('details')) details.open = true")
        page.run("scrollTo(0, document.body.scrollHeight)")
        page.run(
            "for (const seen of document.querySelectorAll('main *, nav *')) seen.dispatchEvent(new Event('mouseover'))"
        )
        assert page.run("return window.ran === undefined")
        assert page.run("return document.title").startswith(listener.named_in(MARKUP[0]))
        assert page.console() == []
        asked = [url for url in page.requests() if not url.startswith("data:")]
    assert asked == [written["html"].as_uri()]
    assert listener.asked == []


@needs("pdftotext")
def test_the_pdf_shows_every_text_and_asks_for_nothing(written: Mapping[str, Path], listener: Listener) -> None:
    words = "".join(pdf_text(written["pdf"], "-raw").split())
    right_to_left = "שלום"
    shown = [visible(listener.named_in(text)) for text in TEXTS if right_to_left not in text]
    assert [text for text in shown if "".join(text.split()) not in words] == []
    assert listener.asked == []


def test_markdown_and_tex_reports_have_no_markup_of_texts(written: Mapping[str, Path], listener: Listener) -> None:
    seen = as_html(written["md"].read_text(encoding="utf-8"))
    assert {"a", "img", "script", "style", "svg", "hr", "pre", "blockquote", "ol", "del", "em"}.isdisjoint(
        t for t, _ in seen.tags
    )
    page = written["tex"].read_text(encoding="utf-8")
    commands = set(re.findall(r"\\([A-Za-z]+)", page.replace(r"\textbackslash{}", "")))
    assert {"input", "write", "begin{verbatim}", "def"}.isdisjoint(commands)


def test_typst_reads_no_other_file_and_loads_no_package(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    page = tmp_path / "folder" / "page.typ"
    page.parent.mkdir()
    (tmp_path / "secret").write_text("secret")
    for source in (
        '#import "@preview/example:0.1.0": *',
        '#read("../secret")',
        f'#read("{tmp_path}/secret")',
        f'#image("http://127.0.0.1:{listener.port}/image.png")',
    ):
        page.write_text(source)
        with pytest.raises(Exception, match=r"package|escape|not found"):
            compiled(page)
    assert listener.asked == []
