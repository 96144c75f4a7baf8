"""Notebooks that fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from dmlcore.api.progress import Display, shown_on
from dmlcore.errors import DmlcoreError
from dmlcore.handin.execution import execute


def test_a_failed_cell_is_shown_with_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import sys\nfor line in range(30):\n    print('line', line)\nraise ValueError('no images')"
    cells = [new_code_cell("x = 1", id="first"), new_markdown_cell("words", id="text"), new_code_cell(source, id="run")]
    notebook = new_notebook(cells=[*cells, new_code_cell("y = 2", id="never")])
    said: list[str] = []
    display = Display()
    monkeypatch.setattr(display, "note", said.append)
    with shown_on(display), pytest.raises(DmlcoreError) as error:
        execute(notebook, tmp_path, os.environ)
    assert said == ["  cell 1/3  first", "  cell 2/3  run"]
    lines = [f"    line {number}" for number in range(15, 30)]
    assert str(error.value).splitlines() == [
        "Cell 2 of 3 of the notebook (run) failed: ValueError: no images",
        *lines,
    ]
