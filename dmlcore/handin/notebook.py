"""A study as a notebook for Jupyter or Colab."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmlcore.handin.byline import NOBODY, Byline
from dmlcore.handin.execution import execute
from dmlcore.handin.libraries import requirements
from dmlcore.handin.sources import Sources, read_sources
from dmlcore.handin.workbench import environment, workbench
from dmlcore.report.content.naming import setting_name, short_values
from dmlcore.report.render.markdown import code as markdown_code
from dmlcore.report.render.markdown import heading, inline, paragraphs
from dmlcore.results.store import write_atomically
from dmlcore.study.overrides import affecting
from dmlcore.study.schema import StudyFile
from dmlcore.text import counted, visible

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATE = "notebook.jinja"
"""The cells."""

COMPONENTS = {"Data set": "dataset", "backbone": "backbone", "loss": "loss", "sampler": "sampler"}
"""The components that the title names, and their fields of a study."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    "colab": {"provenance": []},
    "accelerator": "GPU",
}
"""The metadata for Jupyter and Colab; Colab provides a GPU."""


def write_notebook(
    file: StudyFile,
    overrides: Sequence[str],
    path: Path,
    runs: Path | None,
    train: bool = True,
    byline: Byline = NOBODY,
) -> None:
    """Write the study's notebook to `path`, executed if `runs`, the results folder, is given.

    Raises DmlcoreError if a cell fails; nothing is written then.
    """
    import nbformat

    sources = read_sources([file.path])
    notebook = build_notebook(file, sources, overrides, train, byline)
    if runs is not None:
        with workbench(file, sources, runs) as folder:
            execute(notebook, folder, environment())
    path.parent.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_atomically(path, lambda scratch: scratch.write_text(text + "\n", encoding="utf-8"))


def build_notebook(
    file: StudyFile, sources: Sources, overrides: Sequence[str], train: bool = True, byline: Byline = NOBODY
) -> NotebookNode:
    """The notebook of a study. The same study gives the same notebook, to the last byte.

    `train` is the value of its parameter TRAIN; if it is false, the notebook only shows finished runs.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from nbformat import v4

    new: Any = v4  # its functions have no types
    cells = []

    def text(key: str, caller: Callable[[], str]) -> str:
        cells.append(new.new_markdown_cell(id=f"{key}-text", source=caller().removesuffix("\n")))
        return ""

    def code(key: str, caller: Callable[[], str]) -> str:
        cells.append(new.new_code_cell(id=key, source=caller().removesuffix("\n")))
        return ""

    layout = Environment(
        loader=PackageLoader("dmlcore.handin", ""), undefined=StrictUndefined, trim_blocks=True, autoescape=False
    )
    layout.filters |= {"counted": counted, "json": _json, "setting_name": setting_name, "short_values": short_values}
    layout.filters |= {
        "heading": partial(heading, 1),
        "paragraphs": paragraphs,
        "inline": inline,
        "code": markdown_code,
    }
    layout.tests |= {"word": lambda place: re.fullmatch(r"(?!-)[\w./+-]+", place)}
    layout.get_template(TEMPLATE).render(
        text=text, code=code, author=byline.author, **_facts(file, sources, overrides, train)
    )
    notebook: NotebookNode = new.new_notebook(cells=cells, metadata=METADATA | byline.metadata(file.study.name))
    return notebook


def _facts(file: StudyFile, sources: Sources, overrides: Sequence[str], train: bool) -> dict[str, Any]:
    """The variables of the template."""
    placed = {place.as_posix(): text.rstrip() for place, text in sources.placed().items()}
    main = sources.place(file.path.absolute()).as_posix()
    versions = {name: version for run in file.every_run for name, version in run.versions.items()}
    return {
        "file": file,
        "study": file.study,
        "trains": any(run.study.trains for run in file.every_run),
        "components": _components(file),
        "needs": [sources.place(path).as_posix() for path in file.needs],
        "packages": [name for name in versions if name not in ("torch", "torchvision")],
        "requirements": requirements(versions),
        "folders": sorted({Path(place).parent.as_posix() for place in placed} - {"."}),
        "files": [*((place, text) for place, text in placed.items() if place != main), (main, placed[main])],
        "main": main,
        "overrides": affecting([file.path], overrides),
        "train": train,
    }


def _components(file: StudyFile) -> list[tuple[str, str]]:
    """Kind and name of each main component that all runs share, whatever `[best]` takes."""
    found = []
    for kind, attribute in list(COMPONENTS.items())[: 2 if file.assumes_best else None]:
        used = [getattr(run.study, attribute) for run in file.every_run]
        names = {component.name if component else "" for component in used}
        if len(names) == 1 and names != {""}:
            found.append((kind, names.pop()))
    return found


def _json(value: object) -> str:
    """JSON, which is also Python for strings and lists of them."""
    return visible(json.dumps(value, ensure_ascii=False))
