"""Notebooks as PDF: pandoc makes typst of them, typst the pages. No network, no TeX."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from dmlcore.errors import DmlcoreError
from dmlcore.results.store import write_atomically

FILTER = "notebook.lua"
"""Marks code and outputs for the layout, and picks what is shown of an output."""

LAYOUT = "notebook.typ"
"""What the pages look like."""


def print_notebook(notebook: Path, pdf: Path) -> None:
    """Writes the notebook as PDF. Raises DmlcoreError where something in it can't be set."""
    _print(notebook.read_text(encoding="utf-8"), "ipynb", pdf, str(notebook))


def _print(text: str, form: str, pdf: Path, name: str) -> None:
    """Writes text of one of pandoc's formats as PDF; `name` stands in errors."""
    with TemporaryDirectory(prefix="dmlcore-pdf-") as scratch, as_file(files("dmlcore.handin")) as own:
        folder = Path(scratch)
        options = ["--ipynb-output=all", f"--lua-filter={own / FILTER}", "--extract-media=media", "--columns=10000"]
        body = _convert(text, "typst", form, options, name, folder)
        page = folder / "page.typ"
        page.write_text(f"{(own / LAYOUT).read_text(encoding='utf-8')}\n{body}", encoding="utf-8")
        _compile(page, pdf, name)


def _convert(text: str, to: str, form: str, options: Sequence[str], name: str, folder: Path) -> str:
    """Text of one of pandoc's formats in another; files of it go to `folder`."""
    import pypandoc

    try:
        return str(pypandoc.convert_text(text, to, form, extra_args=options, cworkdir=str(folder)))
    except RuntimeError as error:
        raise DmlcoreError(f"{name}: can't be made of {form}: {error}.") from None


def _compile(page: Path, pdf: Path, name: str) -> None:
    import matplotlib
    import typst

    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    try:
        made = typst.compile(page, root=page.parent, font_paths=[fonts], ignore_system_fonts=True, timestamp=0)
    except typst.TypstError as error:
        raise DmlcoreError(f"{name}: can't be made a PDF: {error.diagnostic}") from None
    write_atomically(pdf, lambda scratch: scratch.write_bytes(made))
