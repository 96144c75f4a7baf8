"""A notebook as PDF: pandoc makes typst of it, typst the pages. No network, no TeX."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from dmlcore.errors import DmlcoreError
from dmlcore.store import write_atomically

FILTER = "notebook.lua"
"""Marks code and outputs for the layout, and picks what is shown of an output."""

LAYOUT = "notebook.typ"
"""What the pages look like."""


def print_notebook(notebook: Path, pdf: Path) -> None:
    """Writes the notebook as PDF. Raises DmlcoreError where something in it can't be set."""
    import pypandoc

    with TemporaryDirectory(prefix="dmlcore-pdf-") as scratch, as_file(files("dmlcore.handin")) as own:
        folder = Path(scratch)
        shutil.copy(notebook, folder / "notebook.ipynb")
        try:
            pypandoc.convert_file(
                str(folder / "notebook.ipynb"),
                "typst",
                format="ipynb",
                outputfile=str(folder / "body.typ"),
                cworkdir=str(folder),
                extra_args=["--ipynb-output=all", f"--lua-filter={own / FILTER}", "--extract-media=media"],
            )
        except RuntimeError as error:
            raise DmlcoreError(f"{notebook}: can't be made a PDF: {error}.") from None
        page = folder / "page.typ"
        parts = [own / LAYOUT, folder / "body.typ"]
        page.write_text("\n".join(part.read_text(encoding="utf-8") for part in parts), encoding="utf-8")
        _compile(page, pdf, notebook)


def _compile(page: Path, pdf: Path, notebook: Path) -> None:
    import matplotlib
    import typst

    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    try:
        made = typst.compile(page, root=page.parent, font_paths=[fonts], ignore_system_fonts=True, timestamp=0)
    except typst.TypstError as error:
        raise DmlcoreError(f"{notebook}: can't be made a PDF: {error.diagnostic}") from None
    write_atomically(pdf, lambda scratch: scratch.write_bytes(made))
