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
    notebook = new_notebook(cells=[new_markdown_cell("# Letters", id="title"), cell])
    nbformat.write(notebook, tmp_path / "n.ipynb")
    print_notebook(tmp_path / "n.ipynb", tmp_path / "n.pdf")
    return pdf_text(tmp_path / "n.pdf")


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
