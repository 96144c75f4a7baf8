"""Write reports to files, each in the format of its suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import methodcaller
from pathlib import Path

from dmlcore.errors import StudyError
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.page import StudyPage, study_page
from dmlcore.report.render import csv, latex, markdown
from dmlcore.results.store import write_atomically
from dmlcore.text import did_you_mean, listing

Pages = Callable[[], Sequence[StudyPage]]
Materials = Sequence[StudyMaterial]


def write_report(materials: Materials, paths: Sequence[Path]) -> None:
    """Write all studies to each of the files.

    Raises StudyError, before anything is written, if a suffix has no format.
    """
    for path in paths:
        check_format(path)
    pages = cache(lambda: [study_page(material) for material in materials])
    for path in paths:
        content = FORMATS[path.suffix](materials, pages)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, methodcaller("write_bytes", content))


def check_format(path: Path) -> None:
    """Raise StudyError if the file's suffix has no format."""
    if path.suffix not in FORMATS:
        raise StudyError(
            f"{path}: unknown report format {path.suffix!r}.{did_you_mean(path.suffix, FORMATS)} The suffix sets the"
            f" format: {listing(FORMATS)}."
        )


def _html(materials: Materials, pages: Pages) -> bytes:
    from dmlcore.report.render import html

    return html.render(pages()).encode()


def _pdf(materials: Materials, pages: Pages) -> bytes:
    from dmlcore.report.render import pdf

    return pdf.render(pages())


def _joined(render: Callable[[StudyMaterial], str]) -> Callable[[Materials, Pages], bytes]:
    return lambda materials, pages: "\n\n".join(map(render, materials)).encode()


FORMATS: Mapping[str, Callable[[Materials, Pages], bytes]] = {
    ".html": _html,
    ".md": _joined(markdown.render),
    ".csv": lambda materials, pages: csv.render(materials).encode(),
    ".tex": _joined(latex.render),
    ".pdf": _pdf,
}
"""Suffix → renders the file's content."""
