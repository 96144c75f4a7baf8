"""A study's notebook as a file: written, and run where that is wished."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmlcore.handin.execution import execute
from dmlcore.handin.notebook import build_notebook
from dmlcore.handin.sources import read_sources
from dmlcore.handin.workbench import environment, workbench
from dmlcore.results.store import write_atomically
from dmlcore.study.schema import StudyFile


def make_notebook(file: StudyFile, overrides: Sequence[str], path: Path, runs: Path | None, train: bool = True) -> None:
    """Writes the study's notebook to `path`, executed where `runs`, the folder of the results, is given.

    Raises DmlcoreError where a cell fails; nothing is written then.
    """
    import nbformat

    sources = read_sources([file.path])
    notebook = build_notebook(file, sources, overrides, train)
    if runs is not None:
        with workbench(file, sources, runs) as folder:
            execute(notebook, folder, environment())
    path.parent.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
    write_atomically(path, lambda scratch: scratch.write_text(text + "\n", encoding="utf-8"))
