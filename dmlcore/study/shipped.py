"""The study files that ship with dmlcore, and study files by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dmlcore.errors import StudyError
from dmlcore.text import counted, did_you_mean, listing

STUDIES = "studies"
"""The folder of studies, in the package as in the repository."""

SUFFIX = ".toml"
BASE = "base"
"""The folder of what shipped studies extend, which is no study by itself."""


def shipped_folder() -> Path:
    """The folder of the studies that ship: in the package, or next to it where dmlcore runs from its repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / STUDIES
    return inside if inside.is_dir() else package.parent / STUDIES


def shipped_names() -> list[str]:
    """The names of the studies that ship, such as "photos" and "assignment/cub/1_dimension"."""
    folder = shipped_folder()
    paths = (path.relative_to(folder).with_suffix("") for path in folder.rglob(f"*{SUFFIX}"))
    return sorted(path.as_posix() for path in paths if path.parts[0] != BASE)


def shipped_files(name: str) -> list[Path]:
    """The studies that ship under a name, or in a folder of this name. Raises StudyError if there is none."""
    files = _files(shipped_folder() / name)
    if not files or ".." in Path(name).parts:
        raise StudyError(_not_found(Path(name)))
    return files


def is_shipped(path: Path) -> bool:
    """Whether a study file, or a folder of them, ships. In the repository itself, its studies are files like others."""
    folder = shipped_folder()
    return path.absolute().is_relative_to(folder) and not folder.is_relative_to(Path.cwd())


def base_folder(folder: Path) -> Path:
    """The folder that paths in the study files of a folder are relative to: the working folder for those that ship."""
    return Path() if is_shipped(folder) else folder


def study_files(given: Path) -> list[Path]:
    """The study files that a word on the command line names.

    A word is the path or the name of a file, of a folder of studies, or a pattern such as assignment/cub/*.toml; the
    suffix .toml and the folder studies/ can be omitted. A local file wins over one that ships.
    Raises StudyError, with similar names and those that ship, if there is none.
    """
    try:
        return next(found for path in _places(given) if (found := _files(path)))
    except (StopIteration, ValueError):  # a ValueError for a pattern such as a**b, and for a NUL
        raise StudyError(_not_found(given)) from None
    except OSError as error:
        raise StudyError(f"{given}: can't read the study file: {error.strerror}.") from None


def study_file(given: Path) -> Path:
    """The one study file that a word names. Raises StudyError if there is none, or if there are several."""
    files = study_files(given)
    if len(files) > 1:
        raise StudyError(f"{given} names {counted(len(files), 'study file')}. Give one: {listing(map(str, files))}")
    return files[0]


def _places(given: Path) -> Iterator[Path]:
    yield given
    if given.is_absolute() or ".." in given.parts or not given.parts:
        return
    name = given.relative_to(STUDIES) if given.parts[0] == STUDIES else given
    if name.parts:
        yield STUDIES / name
        yield shipped_folder() / name


def _files(path: Path) -> list[Path]:
    """The study files at a path: itself, with .toml added, those of the folder, or those that match the pattern."""
    named = path.parent / f"{path.name}{SUFFIX}"
    if path.exists() and not path.is_dir():
        return [path]
    if named.exists():
        return [named]
    if path.is_dir():
        return sorted(path.glob(f"*{SUFFIX}")) if path.parts else []
    if any(sign in path.name for sign in "*?["):
        return sorted(found for found in path.parent.glob(path.name) if not found.is_dir())
    return []


def _not_found(given: Path) -> str:
    shipped = shipped_names()
    near = given.as_posix().removeprefix(f"{STUDIES}/").removesuffix(SUFFIX)
    inside = [name for name in shipped if name.startswith(f"{near}/")]
    if inside:
        folders = dict.fromkeys(name.rpartition("/")[0] for name in inside)
        return f"{given}: a folder of studies is expected to contain .toml files. Give one of {listing(folders)}."
    local = [path.as_posix() for path in given.parent.glob(f"*{SUFFIX}")] if given.parent.is_dir() else []
    short = dict.fromkeys(name if "/" not in name else f"{name.rpartition('/')[0]}/…" for name in shipped)
    return (
        f"{given}: study file not found.{did_you_mean(near, [*local, *shipped])}\n"
        f"Studies that ship with dmlcore: {listing(short)}. `dmlcore init` writes one for your own images."
    )
