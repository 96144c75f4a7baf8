"""What a hand-in says about itself."""

from __future__ import annotations

import re
from typing import Any

from dmlcore.handin.assignment import TASKS
from dmlcore.handin.byline import NOBODY, Byline
from dmlcore.handin.readme import Described

PAGES = {"README.txt": 0, "figures/a-metrics.svg": 0, "notebooks/a.pdf": 4, "report.html": 0, "report.pdf": 1}


def described(**values: Any) -> Described:
    defaults: dict[str, Any] = {"answers": {}, "byline": NOBODY, "missing": {}, "missing_tasks": [], "commands": []}
    return Described(**(defaults | values))


def test_the_files_to_read_are_listed_with_their_purpose_task_and_pages() -> None:
    found = described(answers={"notebooks/a.pdf": "task 2 (margin)", "figures/a-metrics.svg": "task 2 (margin)"})
    assert list(found.summary(PAGES)) == [
        "  report.pdf       report on all studies, 1 page",
        "  report.html      the same as a self-contained web page",
        "  notebooks/a.pdf  executed notebook as PDF, task 2 (margin), 4 pages",
        "  README.txt       what each file is, and the commands that create the hand-in",
    ]


def test_what_is_missing_is_listed_last() -> None:
    found = described(missing={"a": ["margin 1", "margin 2"], "b": []}, missing_tasks=TASKS[2:3])
    assert list(found.summary(PAGES))[-2:] == [
        "INCOMPLETE: 2 runs missing; README.txt lists them.",
        "Not included: task 3 (batch size).",
    ]
    text = found.readme(PAGES)
    assert "THIS HAND-IN IS INCOMPLETE. Missing:\n  a: margin 1\n  a: margin 2\n\n" in text
    assert "\n\nNot included: task 3 (batch size).\n\n" in text


def test_the_readme_is_a_table_of_all_files_in_the_order_of_reading() -> None:
    text = described(answers={"notebooks/a.pdf": "task 2 (margin)"}, commands=["dmlcore submit a.toml"]).readme(PAGES)
    lines = text.partition("Files\n")[2].splitlines()
    assert [re.split("  +", line.strip()) for line in lines] == [
        ["file", "what it is", "answers"],
        ["report.pdf", "report on all studies"],
        ["report.html", "the same as a self-contained web page"],
        ["notebooks/a.pdf", "executed notebook as PDF", "task 2 (margin)"],
        ["figures/a-metrics.svg", "figure of the report"],
        ["README.txt", "what each file is, and the commands that create the hand-in"],
        [""],
        ["Commands to create it, in a folder with these studies"],
        ["dmlcore submit a.toml"],
    ]


def test_title_and_author_come_first() -> None:
    lines = described(byline=Byline("Ada\nLovelace", "Letters")).readme(PAGES).splitlines()
    assert lines[:2] == ["Letters", "Ada Lovelace"]
    assert lines[2].startswith("Hand-in created by dmlcore ")


def test_the_options_that_were_given_are_part_of_the_command() -> None:
    assert NOBODY.options == []
    assert Byline("Ada Lovelace", "Letters").options == ["--author", "Ada Lovelace", "--title", "Letters"]
