"""A package around a new component, written from the templates of its kind: `dmlcore new-plugin`."""

from __future__ import annotations

import importlib.metadata
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
from dmlcore.errors import DmlcoreError
from dmlcore.host.registry import Registry
from dmlcore.text import with_article

TEMPLATES = Path(__file__).with_name("templates")
"""A folder for each kind, and one for what every package has. Names of files are templates, too."""

EVERY = "every"
ABOUT = "about.md.template"
"""What the README says of the component: a summary as heading, a paragraph, and its use."""

SUFFIX = ".template"
"""Ends the names of files that are filled; others are copied."""

LONGEST_NAME = 40


@frozen
class NewPlugin:
    """What the templates are filled with."""

    kind: str
    name: str
    """What a study writes after `use`, in lower_snake."""
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
        """Placeholder → what stands in its place."""
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
    """The plugin to write. Raises DmlcoreError where its name, or its author's, can't be used.

    The author left out is who git commits as, or else "the authors of" the package.
    """
    plugin = NewPlugin(kind, checked_name(name, kind), "")
    _check_free(plugin, registry)
    author = author or _git_author() or f"the authors of {plugin.distribution}"
    if not author.isprintable() or not author.strip():
        raise DmlcoreError(f"The author {author!r} can't be written on one line. Give a name by --author.")
    return evolve(plugin, author=author.strip())


def compatible(version: str) -> str:
    """The versions that what works with this one should work with: ">=0.3.1,<0.4", ">=2.0,<3"."""
    number = Version(version)
    return f">={version},<{number.major + 1 if number.major else f'0.{number.minor + 1}'}"


def write_plugin(plugin: NewPlugin, into: Path) -> Path:
    """Writes the package into `into` and gives its folder, which is there as a whole or not at all.

    Raises DmlcoreError where something of its name is there already.
    """
    folder = into / plugin.distribution
    if folder.exists() or folder.is_symlink():
        raise DmlcoreError(f"{folder} is there already, and is left as it is. Choose another name, or another --into.")
    into.mkdir(parents=True, exist_ok=True)
    values = plugin.values()
    with TemporaryDirectory(dir=into, prefix=f".{plugin.distribution}-") as scratch:
        made = Path(scratch) / plugin.distribution
        for source, place in _files(plugin.kind):
            target = made / Template(place).substitute(values)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix == SUFFIX:
                text = Template(source.read_text(encoding="utf-8")).substitute(values)
                target.with_suffix("").write_text(text, encoding="utf-8", newline="\n")
            else:
                shutil.copyfile(source, target)
        made.rename(folder)
    return folder


def _files(kind: str) -> Iterator[tuple[Path, str]]:
    """Each file of the templates, and its place in the package."""
    for part in (TEMPLATES / EVERY, TEMPLATES / kind):
        for path in sorted(part.rglob("*")):
            if path.is_file() and path != part / ABOUT:
                yield path, path.relative_to(part).as_posix()


def checked_name(given: str, kind: str) -> str:
    """The name in lower_snake."""
    if re.match(r"dmlcore[-_]", given):
        raise DmlcoreError(f"{given!r}: leave out {given[:8]!r}, which the package's name gets by itself.")
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", given) or len(given) > LONGEST_NAME:
        raise DmlcoreError(
            f"{given!r} can't name a component. Write lower_snake, or lower-kebab, of at most {LONGEST_NAME} letters"
            " a to z and digits, with a letter first, such as soft_wedge."
        )
    name = given.replace("-", "_")
    if keyword.iskeyword(name):
        raise DmlcoreError(f"{given!r} is a keyword of Python. Choose another name, such as {name}_{kind}.")
    return name


def _check_free(plugin: NewPlugin, registry: Registry) -> None:
    """Raises DmlcoreError where something that is installed has one of the plugin's names."""
    for offer in registry.of_kind(plugin.kind):
        if offer.component.name == plugin.name:
            raise DmlcoreError(
                f"{with_article(plugin.kind).capitalize()} named {plugin.name!r} is installed already, by"
                f" {offer.source.distribution} {offer.source.version}. Choose another name: with two of one name,"
                " every study would have to write distribution/name."
            )
    if _is_installed(plugin.distribution) or importlib.util.find_spec(plugin.module):
        raise DmlcoreError(
            f"{plugin.distribution}, or a module {plugin.module}, is installed already. Choose another name."
        )
    if plugin.class_name in _words(plugin.kind):
        raise DmlcoreError(
            f"{plugin.name!r} would be the class {plugin.class_name}, and its module uses something of that name."
            f" Choose another name, such as {plugin.name}_{plugin.kind}."
        )


def _words(kind: str) -> set[str]:
    """The names that the code of a kind's templates uses, beside that of the component's class."""
    sources = [path for path, _ in _files(kind) if path.name.endswith(f".py{SUFFIX}")]
    lines = "".join(path.read_text(encoding="utf-8").replace("$", "_") for path in sources).splitlines(keepends=True)
    return {token.string for token in tokenize.generate_tokens(iter(lines).__next__) if token.type == tokenize.NAME}


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _git_author() -> str | None:
    """Who git commits as here; None without git, or where it was not told."""
    if not shutil.which("git"):
        return None
    told = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or None
