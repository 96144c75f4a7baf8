"""Reports into files, each in the format that its name says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from dmlcore.errors import StudyError
from dmlcore.report.content.material import StudyMaterial
from dmlcore.report.page import StudyPage, study_page
from dmlcore.report.render import csv, latex, markdown
from dmlcore.results.store import write_atomically
from dmlcore.text import did_you_mean, listing

Pages = Callable[[], Sequence[StudyPage]]
Materials = Sequence[StudyMaterial]


def write_report(materials: Sequence[StudyMaterial], paths: Sequence[Path]) -> None:
    """Writes the studies into each of the files, all of them into every one.

    Raises StudyError, before anything is written, where a suffix is of no format.
    """
    for path in paths:
        check_format(path)
    pages = cache(lambda: [study_page(material) for material in materials])
    for path in paths:
        _write(path, FORMATS[path.suffix](materials, pages))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda scratch: scratch.write_bytes(content))


def check_format(path: Path) -> None:
    """Raises StudyError where the file's suffix is of no format."""
    if path.suffix not in FORMATS:
        raise StudyError(
            f"{path}: a report can't be written as {path.suffix or 'a file without a suffix'!r}."
            f"{did_you_mean(path.suffix, FORMATS)} The suffix says the format, one of {listing(FORMATS)}."
        )


def _html(materials: Materials, pages: Pages) -> bytes:
    from dmlcore.report.render import html

    return html.render(pages()).encode()


def _pdf(materials: Materials, pages: Pages) -> bytes:
    from dmlcore.report.render import pdf

    return pdf.render(pages())


def _markdown(materials: Materials, pages: Pages) -> bytes:
    return "\n\n".join(markdown.render(material) for material in materials).encode()


def _latex(materials: Materials, pages: Pages) -> bytes:
    return "\n\n".join(latex.render(material) for material in materials).encode()


def _csv(materials: Materials, pages: Pages) -> bytes:
    return csv.render(materials).encode()


FORMATS: Mapping[str, Callable[[Materials, Pages], bytes]] = {
    ".html": _html,
    ".md": _markdown,
    ".csv": _csv,
    ".tex": _latex,
    ".pdf": _pdf,
}
"""Suffix → what makes the file's content."""
