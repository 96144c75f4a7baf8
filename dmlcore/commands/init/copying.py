"""Copies of studies that ship with dmlcore."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dmlcore.errors import StudyError
from dmlcore.handin.sources import read_sources
from dmlcore.study.shipped import shipped_files, shipped_folder
from dmlcore.text import listing


def copy_studies(names: Iterable[str], folder: Path) -> tuple[list[Path], list[Path]]:
    """Copy studies by name, or folders of them, with the files that they extend and need, below `folder`.

    Returns the copies of the studies, and all files that were written: those that are there already are not. Raises
    StudyError, and writes nothing, if there is no such study, or if a file with other content is in the way.
    """
    origin = shipped_folder()
    studies = [file for name in names for file in shipped_files(name)]
    texts = {folder / path.relative_to(origin): text for path, text in read_sources(studies).texts.items()}
    new = {path: text for path, text in texts.items() if not (path.exists() or path.is_symlink())}
    changed = [path for path in texts.keys() - new.keys() if path.read_text(encoding="utf-8") != texts[path]]
    if changed:
        raise StudyError(
            f"{listing(map(str, sorted(changed)))}: exists already, with other content. Nothing was written. Choose"
            " another folder with -o."
        )
    for path, text in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return [folder / path.relative_to(origin) for path in studies], list(new)
