"""What docs/testing.md says is true: its tables are the checks, its examples pass."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from running import python

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "testing.md").read_text(encoding="utf-8")


def test_the_tables_are_what_the_checks_say() -> None:
    made = runpy.run_path(str(DOCS / "make_checks.py"))
    assert PAGE.partition(made["HEADING"])[2] == made["tables"](), "run `make docs`"


def test_the_examples_pass(tmp_path: Path) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for number, example in enumerate(examples):
        (tmp_path / f"test_example{number}.py").write_text(example, encoding="utf-8")
    done = python("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-W", "error", ".", cwd=tmp_path)
    assert len(examples) == 2
    assert "the order is intended" in done.stdout
    assert "another process can't import it: it is defined in a file of tests" in done.stdout
