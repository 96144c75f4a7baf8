"""Which studies the `--set` of a command applies to: `[STUDY:]PATH=VALUE`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dmlcore.errors import StudyError
from dmlcore.study.best import BEST
from dmlcore.study.document import Document, read_document, split_override, study_names
from dmlcore.text import did_you_mean, listing, shortened


def require_known_studies(studies: Iterable[Path], overrides: Sequence[str]) -> None:
    """Raise StudyError if an override is for none of these studies, nor for one that their `[best]` needs."""
    named = {text: study for text in overrides if (study := split_override(text)[0]) is not None}
    if not named:
        return
    known = _names(studies, overrides)
    for text, study in named.items():
        if study not in known:
            raise StudyError(
                f"--set {shortened(text)}: no study of this command is named {study!r}.{did_you_mean(study, known)}"
                f" Known: {listing(known)}."
            )


def affecting(studies: Iterable[Path], overrides: Sequence[str]) -> list[str]:
    """The overrides that set a value of these studies, or of one that their `[best]` needs."""
    if all(split_override(text)[0] is None for text in overrides):
        return list(overrides)
    known = _names(studies, overrides)
    return [text for text in overrides if (study := split_override(text)[0]) is None or study in known]


def settings_of(study: Path, overrides: Sequence[str]) -> list[str]:
    """The overrides that affect a study, without its name where they set a value of this study."""
    names = study_names(study)
    split = [(text, *split_override(text)) for text in affecting([study], overrides)]
    return [setting if name in names else text for text, name, setting in split]


def _names(studies: Iterable[Path], overrides: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for path in _with_needed(studies, overrides) for name in study_names(path)))


def _with_needed(studies: Iterable[Path], overrides: Sequence[str]) -> Iterator[Path]:
    """The study files, and those that their `[best]` needs."""
    pending, seen = list(studies), set()
    while pending:
        path = pending.pop(0)
        if path.resolve() not in seen:
            seen.add(path.resolve())
            yield path
            pending += _needs(read_document(path, overrides))


def _needs(document: Document) -> Iterator[Path]:
    """The study files that a `[best]` names; a malformed one names none here."""
    best = document.values.get(BEST)
    named = best.get("from") if isinstance(best, Mapping) else None
    for index, name in enumerate(named if isinstance(named, list) else ()):
        if isinstance(name, str):
            yield document.origin((BEST, "from", index)).study_folder / Path(name).expanduser()
