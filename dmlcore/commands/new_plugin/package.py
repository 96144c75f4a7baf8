"""The package of a new component, from the templates of its kind."""

from __future__ import annotations

import importlib.util
import json
import keyword
import re
import shutil
import subprocess
import tokenize
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from string import Template
from tempfile import TemporaryDirectory

from attrs import evolve, frozen
from packaging.version import Version

from dmlcore import __version__
from dmlcore.errors import StudyError
from dmlcore.host.distributions import installed_version
from dmlcore.host.registry import Registry
from dmlcore.text import with_article

TEMPLATES = Path(__file__).with_name("templates")
"""A folder for each kind, and one for what every package has. File names are templates, too."""

EVERY = "every"
ABOUT = "about.md.template"
"""The README's text on the component: a summary as heading, a paragraph, and its usage."""

SUFFIX = ".template"
"""Suffix of files that are templates; others are copied."""

LONGEST_NAME = 40


@frozen
class NewPlugin:
    """The values for the templates."""

    kind: str
    name: str
    """Its name in studies, in lower_snake."""
    author: str

    @property
    def distribution(self) -> str:
        return f"dmlcore-{self.name.replace('_', '-')}"

    @property
    def module(self) -> str:
        return f"dmlcore_{self.name}"

    @property
    def class_name(self) -> str:
        return "".join(word.capitalize() for word in self.name.split("_"))

    def values(self) -> Mapping[str, str]:
        """Placeholder → text."""
        values = {
            "kind": self.kind,
            "name": self.name,
            "distribution": self.distribution,
            "module": self.module,
            "class_name": self.class_name,
            "author": self.author,
            "author_in_toml": json.dumps(self.author, ensure_ascii=False),
            "year": str(date.today().year),
            "dmlcore": compatible(__version__),
        }
        about = Template((TEMPLATES / self.kind / ABOUT).read_text(encoding="utf-8")).substitute(values)
        summary, explanation, usage = about.split("\n\n", maxsplit=2)
        return values | {
            "summary": summary.removeprefix("# "),
            "explanation": explanation,
            "usage": usage.strip(),
        }


def new_plugin(name: str, kind: str, author: str | None, registry: Registry) -> NewPlugin:
    """The plugin to write. Raises StudyError if its name, or its author's, can't be used.

    The default author is git's user.name, or else "the authors of" the package.
    """
    plugin = NewPlugin(kind, checked_name(name, kind), "")
    _check_free(plugin, registry)
    author = author or _git_author() or f"the authors of {plugin.distribution}"
    if not author.isprintable() or not author.strip():
        raise StudyError(f"The author {author!r} is not a single line of text. Give a name with --author.")
    return evolve(plugin, author=author.strip())


def compatible(version: str) -> str:
    """The versions compatible with this one: ">=0.3.1,<0.4", ">=2.0,<3"."""
    number = Version(version)
    return f">={version},<{number.major + 1 if number.major else f'0.{number.minor + 1}'}"


def write_plugin(plugin: NewPlugin, into: Path) -> Path:
    """Write the package into `into`, as a whole or not at all, and return its folder.

    Raises StudyError if something of its name exists already.
    """
    folder = into / plugin.distribution
    if folder.exists() or folder.is_symlink():
        raise StudyError(f"{folder} exists already. Choose another name, or another --into.")
    into.mkdir(parents=True, exist_ok=True)
    values = plugin.values()
    with TemporaryDirectory(dir=into, prefix=f".{plugin.distribution}-") as scratch:
        package = Path(scratch) / plugin.distribution
        for source, place in _files(plugin.kind):
            target = package / Template(place).substitute(values)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == SUFFIX:
                text = Template(source.read_text(encoding="utf-8")).substitute(values)
                target.with_suffix("").write_text(text, encoding="utf-8", newline="\n")
            else:
                shutil.copyfile(source, target)
        package.rename(folder)
    return folder


def _files(kind: str) -> Iterator[tuple[Path, str]]:
    """Each template file and its path in the package."""
    for part in (TEMPLATES / EVERY, TEMPLATES / kind):
        for path in sorted(part.rglob("*")):
            if path.is_file() and path != part / ABOUT:
                yield path, path.relative_to(part).as_posix()


def checked_name(given: str, kind: str) -> str:
    """The name in lower_snake."""
    if re.match(r"dmlcore[-_]", given):
        raise StudyError(f"{given!r}: omit {given[:8]!r}; the package's name gets it automatically.")
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", given) or len(given) > LONGEST_NAME:
        raise StudyError(
            f"{given!r} is not a valid name of a component. Use lower_snake or lower-kebab with at most {LONGEST_NAME}"
            " letters a to z and digits, starting with a letter, such as soft_wedge."
        )
    name = given.replace("-", "_")
    if keyword.iskeyword(name):
        raise StudyError(f"{given!r} is a Python keyword. Choose another name, such as {name}_{kind}.")
    return name


def _check_free(plugin: NewPlugin, registry: Registry) -> None:
    """Raises StudyError if something installed has one of the plugin's names."""
    for offer in registry.of_kind(plugin.kind):
        if offer.component.name == plugin.name:
            raise StudyError(
                f"{offer.source.distribution} {offer.source.version} already has {with_article(plugin.kind)} named"
                f" {plugin.name!r}. Choose another name; otherwise studies would have to write distribution/name."
            )
    if installed_version(plugin.distribution) or importlib.util.find_spec(plugin.module):
        raise StudyError(
            f"{plugin.distribution}, or a module {plugin.module}, is already installed. Choose another name."
        )
    if plugin.class_name in _words(plugin.kind):
        raise StudyError(
            f"The class of {plugin.name!r} would be {plugin.class_name}, a name that its module uses already."
            f" Choose another name, such as {plugin.name}_{plugin.kind}."
        )


def _words(kind: str) -> set[str]:
    """The names in the code of a kind's templates, except that of the component's class."""
    sources = [path for path, _ in _files(kind) if path.name.endswith(f".py{SUFFIX}")]
    lines = "".join(path.read_text(encoding="utf-8").replace("$", "_") for path in sources).splitlines(keepends=True)
    return {token.string for token in tokenize.generate_tokens(iter(lines).__next__) if token.type == tokenize.NAME}


def _git_author() -> str | None:
    """git's user.name; None without git or without a name."""
    if not shutil.which("git"):
        return None
    found = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
