"""Texts and paths of a study in its notebook and the notebook's PDF: text in Markdown, strings in code, no request."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from markdown_it import MarkdownIt
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from dmlcore.handin.libraries import requirements
from dmlcore.handin.notebook import build_notebook
from dmlcore.handin.printing import print_notebook
from dmlcore.handin.sources import read_sources
from dmlcore.host.registry import Registry
from dmlcore.report.render.markdown import paragraphs
from dmlcore.study.load import load_study
from dmlcore.text import one_line, visible
from handin.conftest import BASE
from hostile_text import MARKUP, UNSEEN, Listener
from running import needs, pdf_text

NAME = "![x](http:) $d$ `{=typst} *a*"
QUESTION = " ".join([*MARKUP, *UNSEEN]).replace("\udce9", "")
PLACES = (
    "a b.toml",
    'it\'s "quoted".toml',
    "{__import__('os').system('touch ran')}.toml",
    "$(touch ran)`touch ran`.toml",
    "two\nlines.toml",
    "\x1b[31m.toml",
    "back\\slash.toml",
)


def write_study(folder: Path, question: str, place: str = "study.toml") -> Path:
    """A study of this question in a file of this name."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(question).replace("\x7f", "\\u007f")
    (folder / place).write_text(f"name = {json.dumps(NAME.replace('/', ''))}\nquestion = {text}\n{BASE}")
    return folder / place


def notebook_of(path: Path, registry: Registry, *overrides: str) -> nbformat.NotebookNode:
    return build_notebook(load_study(path, registry, overrides), read_sources([path]), overrides)


def test_markdown_cells_show_the_text(real_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = notebook_of(write_study(Path(), QUESTION), real_registry, 'optimizer.name="adam"')
    (title,) = (cell.source for cell in notebook.cells if cell.id == "title-text")
    page = MarkdownIt("commonmark", {"html": True}).render(title)
    assert set(page.split("<")[1:]) & {"img", "script", "a "} == set()
    assert "<img" not in page
    assert "<a " not in page
    assert paragraphs(QUESTION) in title
    assert title.startswith(r"# !\[x\](http:) <span>\$</span>d<span>\$</span> \`{=typst} \*a\*")


@pytest.mark.parametrize("place", PLACES)
def test_code_cells_write_any_file_and_run_nothing_else(
    place: str, real_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_study(Path("studies"), QUESTION, place)
    cells = {cell.id: cell.source for cell in notebook_of(path, real_registry).cells if cell.cell_type == "code"}
    for source in cells.values():
        ast.parse(TransformerManager().transform_cell(source))
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    exec(cells["folders"], {})
    exec(cells["file-1"], {})
    assert Path("studies", place).read_bytes() == (tmp_path / path).read_bytes().rstrip() + b"\n"
    (call,) = (node for node in ast.walk(ast.parse(cells["settings"])) if isinstance(node, ast.Call))
    assert ast.literal_eval(call.args[0]) == f"studies/{place}"


def test_only_names_of_distributions_are_installed() -> None:
    assert requirements(
        {"dmlcore": "0.1", "dmlcore-wedge": "1.0", "{open('x')}": "1", "a b": "1", "$(touch ran)": "1"}
    )[1:] == ["dmlcore-wedge"]


@needs("pdftotext")
def test_the_pdf_of_the_notebook_asks_for_nothing_and_shows_every_text(
    real_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Listener() as listener:
        texts = [listener.named_in(text) for text in MARKUP if "שלום" not in text]
        notebook = notebook_of(write_study(Path(), " ".join(texts)), real_registry)
        shown = "\n\n".join(paragraphs(text) for text in texts)
        outputs = [
            new_output("display_data", data={"text/markdown": shown, "text/plain": "?"}),
            new_output("stream", text="\n".join(texts)),
            new_output(
                "display_data", data={"text/markdown": listener.named_in("\n\n".join(MARKUP)), "text/plain": "?"}
            ),
        ]
        notebook.cells.append(new_code_cell("show()", id="show", outputs=outputs))
        nbformat.write(notebook, "n.ipynb")
        print_notebook(Path("n.ipynb"), Path("n.pdf"))
        words = "".join(pdf_text(Path("n.pdf"), "-raw").split())
        assert [text for text in texts if words.count("".join(one_line(text).split())) < 3] == []
        assert listener.asked == []


@needs("pdftotext")
def test_markup_of_a_notebook_reads_no_file_and_asks_for_nothing(tmp_path: Path) -> None:
    """Someone may have edited it."""
    (tmp_path / "secret.txt").write_text("secret words")
    with Listener() as listener:
        secret = f"{tmp_path}/secret.txt"
        markup = listener.named_in(
            f"![image](http://127.0.0.1:9/a.png) ![file]({secret}) [link](javascript:alert) <b>bold</b>\n\n"
            f'```{{=typst}}\n#read("{secret}")\n```\n\n`#panic()`{{=typst}} \\input{{{secret}}}'
        )
        raw = new_raw_cell("#panic()", metadata={"format": "typst"})
        output = new_output("display_data", data={"text/markdown": markup, "text/html": markup, "text/plain": markup})
        code = new_code_cell(
            "1", outputs=[output, new_output("display_data", data={"text/html": "<img src=http://127.0.0.1:9/>"})]
        )
        nbformat.write(new_notebook(cells=[new_markdown_cell(markup), raw, code]), tmp_path / "n.ipynb")
        print_notebook(tmp_path / "n.ipynb", tmp_path / "n.pdf")
        assert listener.asked == []
    text = pdf_text(tmp_path / "n.pdf", "-raw")
    assert "secret words" not in text
    words = "".join(text.split())
    assert (
        words.count(f"![image](http://127.0.0.1:{listener.port}/a.png)![file]({tmp_path}/secret.txt)link<b>bold</b>")
        == 2
    )
    assert visible(words) == words
