"""Notebooks as PDF: pandoc converts them to typst, typst sets the pages. No network, no TeX, no other file."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from dmlcore.errors import DmlcoreError
from dmlcore.results.store import write_atomically
from dmlcore.text import listing, one_line

FILTER = "notebook.lua"
"""Marks code and outputs for the layout, and selects the format of each output."""

READER = "ipynb-autolink_bare_uris"
"""The format of notebooks; a bare address in text is no link."""

LAYOUT = "notebook.typ"
"""The layout of the pages."""

FACTS = "facts.json"
"""The title and the author, for the layout."""


def print_notebook(notebook: Path, pdf: Path) -> None:
    """Write the notebook as PDF, with the title and the authors of its metadata.

    Raises DmlcoreError if it can't be converted.
    """
    import pypandoc
    from typst import TypstError

    from dmlcore.report.render.pdf import compiled

    with TemporaryDirectory(prefix="dmlcore-pdf-") as scratch, as_file(files("dmlcore.handin")) as own:
        folder = Path(scratch)
        options = ["--ipynb-output=all", f"--lua-filter={own / FILTER}", "--extract-media=media", "--columns=10000"]
        text, page = notebook.read_text(encoding="utf-8"), folder / "page.typ"
        try:
            body = pypandoc.convert_text(text, "typst", READER, extra_args=options, cworkdir=str(folder), sandbox=True)
        except RuntimeError as error:
            raise DmlcoreError(f"{notebook}: pandoc can't convert it: {error}.") from None
        (folder / FACTS).write_text(json.dumps(_facts(text, notebook.stem)), encoding="utf-8")
        page.write_text(f"{(own / LAYOUT).read_text(encoding='utf-8')}\n{body}", encoding="utf-8")
        try:
            content = compiled(page, timestamp=0)
        except TypstError as error:
            raise DmlcoreError(f"{notebook}: typst can't set it: {error.diagnostic}") from None
    write_atomically(pdf, lambda scratch: scratch.write_bytes(content))


def _facts(notebook: str, name: str) -> dict[str, str]:
    """The title and the authors in the metadata of a notebook; its name is the title if it has none."""
    metadata = json.loads(notebook)["metadata"]
    authors = [str(author.get("name", "")) for author in metadata.get("authors", ())]
    return {"title": one_line(str(metadata.get("title", name))), "author": one_line(listing(filter(None, authors)))}
