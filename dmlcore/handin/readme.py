"""The purpose of each file of a hand-in, and README.txt: these, the commands that create it, and the missing runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from attrs import frozen

from dmlcore import __version__
from dmlcore.handin.assignment import Task
from dmlcore.handin.byline import Byline
from dmlcore.text import counted, listing

README = "README.txt"

READ = ("report.html", README)
"""The files to read, in addition to all PDFs."""

PURPOSES = {
    "report.pdf": "report on all studies",
    "report.html": "the same as a self-contained web page",
    "notebooks/*.ipynb": "executed notebook, for Jupyter or Colab",
    "notebooks/*.pdf": "executed notebook as PDF",
    "tables/*.csv": "results, for spreadsheets",
    "tables/*.tex": "results, for LaTeX",
    "tables/*.md": "results and learning curves, as text",
    "figures/*": "figure of the report",
    "studies/resolved/*": "all runs of a study with all settings, including defaults",
    "studies/*": "study file, or a file that studies extend",
    "environment.txt": "installed packages, in the format of pip",
    "environment.json": "Python, platform, packages, and the versions used by each run",
    README: "what each file is, and the commands that create the hand-in",
}
"""Pattern of names → purpose of such a file, in the order of reading; the first match counts."""


def purpose(name: str) -> str:
    """Return what a file of a hand-in is."""
    return PURPOSES[_pattern(name)]


def _pattern(name: str) -> str:
    return next(pattern for pattern in PURPOSES if fnmatchcase(name, pattern))


def _order(name: str) -> tuple[int, str]:
    return list(PURPOSES).index(_pattern(name)), name


@frozen
class Described:
    """What README.txt and the terminal say about a hand-in."""

    answers: Mapping[str, str]
    """File of a study → the tasks that it answers."""
    byline: Byline
    missing: Mapping[str, Sequence[str]]
    """Study → its unfinished runs."""
    missing_tasks: Sequence[Task]
    """Those of the assignment that no study answers."""
    commands: Sequence[str]
    """What creates the hand-in."""

    def readme(self, names: Iterable[str]) -> str:
        """Return the text of README.txt; `names` are all files."""
        rows = [(name, purpose(name), self.answers.get(name, "")) for name in sorted(names, key=_order)]
        absent = [f"  {study}: {run}" for study, runs in self.missing.items() for run in runs]
        parts = [
            [*filter(None, [self.byline.title, self.byline.author]), f"Hand-in created by dmlcore {__version__}."],
            *([["THIS HAND-IN IS INCOMPLETE. Missing:", *absent]] if absent else []),
            *([[not_included(self.missing_tasks)]] if self.missing_tasks else []),
            ["Files", *in_columns([("file", "what it is", "answers" if any(self.answers.values()) else ""), *rows])],
            ["Commands to create it, in a folder with these studies", *(f"  {line}" for line in self.commands), ""],
        ]
        return "\n\n".join("\n".join(part) for part in parts)

    def summary(self, pages: Mapping[str, int]) -> Iterator[str]:
        """Yield a line for each file to read, and lines about what is missing; `pages` counts those of the PDFs."""
        read = [name for name in sorted(pages, key=_order) if pages[name] or name in READ]
        yield from in_columns([(name, self._purpose(name, pages[name])) for name in read])
        if unfinished := sum(map(len, self.missing.values())):
            yield f"INCOMPLETE: {counted(unfinished, 'run')} missing; {README} lists them."
        if self.missing_tasks:
            yield not_included(self.missing_tasks)

    def _purpose(self, name: str, pages: int) -> str:
        """What a file is, the tasks that it answers, and its number of pages."""
        facts = (purpose(name), self.answers.get(name), counted(pages, "page") if pages else "")
        return listing(filter(None, facts))


def not_included(tasks: Sequence[Task]) -> str:
    """Return a sentence with the tasks that no study answers."""
    return f"Not included: {listing(task.name for task in tasks)}."


def in_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines, with each column below its first cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        f"  {'  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))}".rstrip() for row in rows
    ]
