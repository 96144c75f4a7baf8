"""Write reports to files, each in the format of its suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import methodcaller
from pathlib import Path

from attrs import frozen

from dmlcore.errors import StudyError
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.front import Front, front_of
from dmlcore.report.page import Report, report_on
from dmlcore.report.render import csv, latex, markdown
from dmlcore.results.store import write_atomically
from dmlcore.text import did_you_mean, listing


@frozen(slots=False, eq=False)
class Contents:
    """What the files of a report are rendered from."""

    materials: Sequence[StudyMaterial]
    front: Front

    @cached_property
    def report(self) -> Report:
        """With its figures and pictures, drawn once for all formats that have them."""
        return report_on(self.materials, self.front)


def write_report(materials: Sequence[StudyMaterial], paths: Sequence[Path], title: str = "", author: str = "") -> None:
    """Write all studies to each of the files. By default, the title follows from the studies, and no author is stated.

    Raises StudyError, before anything is written, if a suffix has no format.
    """
    for path in paths:
        check_format(path)
    contents = Contents(materials, front_of(materials, title, author))
    for path in paths:
        content = FORMATS[path.suffix](contents)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, methodcaller("write_bytes", content))


def check_format(path: Path) -> None:
    """Raise StudyError if the file's suffix has no format."""
    if path.suffix not in FORMATS:
        raise StudyError(
            f"{path}: unknown report format {path.suffix!r}.{did_you_mean(path.suffix, FORMATS)} The suffix sets the"
            f" format: {listing(FORMATS)}."
        )


def _html(contents: Contents) -> bytes:
    from dmlcore.report.render import html

    return html.render(contents.report).encode()


def _pdf(contents: Contents) -> bytes:
    from dmlcore.report.render import pdf

    return pdf.render(contents.report)


FORMATS: Mapping[str, Callable[[Contents], bytes]] = {
    ".html": _html,
    ".md": lambda contents: markdown.render(contents.front, contents.materials).encode(),
    ".csv": lambda contents: csv.render(contents.materials).encode(),
    ".tex": lambda contents: "\n\n".join(map(latex.render, contents.materials)).encode(),
    ".pdf": _pdf,
}
"""Suffix → renders the file's content."""
