"""Notebooks as PDF."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from dmlcore.handin.printing import print_notebook
from running import needs, pdf_text

pytestmark = needs("pdftotext")


def printed(tmp_path: Path, *outputs: nbformat.NotebookNode) -> str:
    cell = new_code_cell("show()", id="show", outputs=list(outputs))
    return printed_cells(tmp_path, [new_markdown_cell("# Letters", id="title"), cell])


def printed_cells(tmp_path: Path, cells: list[nbformat.NotebookNode], **metadata: object) -> str:
    nbformat.write(new_notebook(cells=cells, metadata=metadata), tmp_path / "n.ipynb")
    print_notebook(tmp_path / "n.ipynb", tmp_path / "n.pdf")
    return pdf_text(tmp_path / "n.pdf")


def markdown(text: str) -> nbformat.NotebookNode:
    """An output."""
    return new_output("display_data", data={"text/markdown": text, "text/plain": "?"})


def test_the_markdown_of_an_output_is_set_not_its_plain_text(tmp_path: Path) -> None:
    data = {
        "text/markdown": "**recall** $d^2 = 2 - 2s$\n\n| run | nmi |\n|---|---:|\n| dim | 0.5 |",
        "text/plain": "raw",
    }
    text = printed(tmp_path, new_output("execute_result", data=data, execution_count=1))
    assert "recall 𝑑2 = 2 − 2𝑠" in text
    assert "raw" not in text
    assert "|" not in text


def test_long_words_stay_on_the_page_whole(tmp_path: Path) -> None:
    word = "".join(chr(ord("a") + number % 26) for number in range(400))
    text = printed(tmp_path, new_output("stream", text=f"{word}\n"))
    assert word in "".join(text.split()), "wrapped, and nothing cut off or put in between"
    assert max(map(len, text.splitlines())) < 130


def test_what_means_something_to_typst_is_only_text(tmp_path: Path) -> None:
    strange = "#panic() $x$ *star* _under_ ```fence``` @at <tag> \\ //"
    text = printed(tmp_path, new_output("stream", text=f"\x1b[31m{strange}\x1b[0m\n"))
    assert strange in text
    assert "[31m" not in text


def test_every_page_has_the_title_the_authors_and_its_number(tmp_path: Path) -> None:
    cells = [new_code_cell("", outputs=[new_output("stream", text="line\n" * 200)])]
    title = '#panic() "letters" \\u{41} *star*'
    pages = printed_cells(tmp_path, cells, title=title, authors=[{"name": "Ada"}, {"name": "Bo"}]).split("\f")[:-1]
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        assert f"{title} · Ada, Bo" in page
        assert f"{number}/{len(pages)}" in page.replace(" ", "")


def test_without_metadata_the_name_of_the_file_is_the_title(tmp_path: Path) -> None:
    assert printed_cells(tmp_path, [new_markdown_cell("words")]).split() == ["words", "n", "1/1"]


def test_a_heading_a_text_and_their_code_are_on_the_page_of_the_output(tmp_path: Path) -> None:
    cells = []
    for number in range(60):
        cells.append(new_markdown_cell(f"## Heading {number}\n\nText {number}."))
        lines = f"Output {number}\n" * (1 + number % 5)
        cells.append(new_code_cell(f"code_{number}", outputs=[new_output("stream", text=lines)]))
    pages = printed_cells(tmp_path, cells).split("\f")
    for number in range(60):
        words = (f"Heading {number}\n", f"Text {number}.", f"code_{number}\n", f"Output {number}\n")
        first = [next(i for i, page in enumerate(pages) if text in page) for text in words]
        assert len(set(first)) == 1, (number, first)


def test_the_title_of_a_table_is_on_its_page(tmp_path: Path) -> None:
    tables = []
    for number in range(30):
        rows = "| a | 1 |\n" * (1 + number % 7)
        tables.append(f"words\n\n**Title {number}**\n\n| head {number} | x |\n|---|--:|\n{rows}| last {number} | 1 |\n")
    pages = printed(tmp_path, markdown("\n\n".join(tables))).split("\f")
    for number in range(30):
        words = (f"Title {number}\n", f"head {number} ", f"last {number} ")
        assert len({next(i for i, page in enumerate(pages) if text in page) for text in words}) == 1, number


def test_a_title_that_ends_an_output_stays_with_the_next(tmp_path: Path) -> None:
    outputs = []
    for number in range(40):
        outputs.append(markdown(f"**Title {number}**"))
        outputs.append(new_output("stream", text=f"Output {number}\n" * (1 + number % 6)))
    pages = printed(tmp_path, *outputs).split("\f")
    for number in range(40):
        words = (f"Title {number}\n", f"Output {number}\n")
        assert len({next(i for i, page in enumerate(pages) if text in page) for text in words}) == 1, number


def test_a_broad_table_is_set_in_parts_that_have_its_first_column(tmp_path: Path) -> None:
    names = [f"column{number}" for number in range(14)]
    row = " | ".join(f"0.{number:04} ± 0.0001" for number in range(13))
    text = printed(tmp_path, markdown(f"| {' | '.join(names)} |\n|---{'|--:' * 13}|\n| first row | {row} |\n"))
    assert text.count("first row") == 2
    assert text.count("column0") == 2
    assert [text.count(name) for name in names[2:10]] == [1] * 8
    assert [text.count(f"0.{number:04} ± 0.0001") for number in range(13)] == [1] * 13, "no cell is broken"


def test_long_code_is_set_in_two_columns_that_have_every_line(tmp_path: Path) -> None:
    source = "\n".join(f"line_{number:02} = {number}" for number in range(40))
    text = printed_cells(tmp_path, [new_code_cell(source)])
    assert [f"line_{number:02}" for number in range(40) if text.count(f"line_{number:02} = {number}") != 1] == []
    assert any("line_00" in line and "line_20" in line for line in text.splitlines())


def test_long_lines_of_code_keep_their_width(tmp_path: Path) -> None:
    source = "\n".join(f"line_{number:02} = {'x' * 70}" for number in range(40))
    text = printed_cells(tmp_path, [new_code_cell(source)])
    assert not any("line_00" in line and "line_20" in line for line in text.splitlines())
    assert text.count("x" * 70) == 40
