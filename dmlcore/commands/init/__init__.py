"""`dmlcore init`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dmlcore.commands.options import PATH, installed
from dmlcore.commands.output import echo, say

if TYPE_CHECKING:
    from dmlcore.commands.init.images import Images
    from dmlcore.host.registry import Registry

DATA_SETS = ("glyphs", "cub", "cars", "photos")
"""The data sets of the assignment, by the names of its folders."""


@click.group(invoke_without_command=True)
@click.pass_context
def init(context: click.Context) -> None:
    """Write study files to start from.

    Without a command, lists what can be written. Files that exist are not changed.
    """
    from dmlcore.study.shipped import shipped_names
    from dmlcore.text import listing

    if context.invoked_subcommand is None:
        names = click.wrap_text(listing(shipped_names()), 100, initial_indent="  ", subsequent_indent="  ")
        echo(f"{context.get_help()}\n\nStudies that ship with dmlcore, for run and copy:\n{names}")


def _for_images(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds the argument and the options of a command that writes the study `name` on a folder of images."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for add in (
            click.option(
                "-o",
                "--output",
                type=PATH,
                default=Path(f"{name}.toml"),
                show_default=True,
                metavar="FILE",
                help="Study file to write.",
            ),
            click.option(
                "--set",
                "settings",
                multiple=True,
                metavar="OPTION=VALUE",
                help="Set an option of the data set image_folder, such as class_from=leaf. Repeatable.",
            ),
            click.argument("source", type=PATH, metavar="FOLDER"),
        ):
            command = add(command)
        return command

    return decorate


_INTO = click.option(
    "-o",
    "--output",
    "folder",
    type=PATH,
    default=Path("studies"),
    show_default=True,
    metavar="FOLDER",
    help="Folder to write to.",
)


@init.command()
@_for_images("photos")
def photos(source: Path, settings: Sequence[str], output: Path) -> None:
    """A study that trains on your own images.

    FOLDER has one folder of images per class, or is a CSV file that lists images. The settings fit the number of its
    classes and images; the file explains each.
    """
    from dmlcore.commands.init.images import read_images
    from dmlcore.commands.init.writing import photos_study

    registry = installed()
    images = read_images(source, settings, registry)
    _written(output, photos_study(images, output), images, registry)


@init.command()
@_for_images("baselines")
def baselines(source: Path, settings: Sequence[str], output: Path) -> None:
    """A study that compares pretrained networks on your own images.

    Nothing is trained. FOLDER has one folder of images per class, or is a CSV file that lists images.
    """
    from dmlcore.commands.init.images import read_images
    from dmlcore.commands.init.writing import baselines_study

    registry = installed()
    images = read_images(source, settings, registry)
    _written(output, baselines_study(images, output, registry), images, registry)


@init.command()
@click.argument("data_set", type=click.Choice(DATA_SETS))
@_INTO
def assignment(data_set: str, folder: Path) -> None:
    """The assignment's five studies.

    On letters (glyphs), CUB-200-2011 (cub), CARS-196 (cars), or any folder of photographs (photos), which check and run
    take as --set dataset.root=FOLDER.
    """
    _copied([f"assignment/{data_set}"], folder)


@init.command("loss-comparison")
@_INTO
def loss_comparison(folder: Path) -> None:
    """A study that compares ten losses on letters."""
    _copied(["losses_compared"], folder)


@init.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_INTO
def copy(names: Sequence[str], folder: Path) -> None:
    """Copies of studies that ship with dmlcore.

    With the files that they extend.
    """
    _copied(names, folder)


def _written(path: Path, text: str, images: Images, registry: Registry) -> None:
    """Writes a new study file and prints the next steps. Raises StudyError if the file exists."""
    from dmlcore.data.installing import amounts
    from dmlcore.errors import StudyError
    from dmlcore.handin.libraries import requirements
    from dmlcore.host.distributions import installed_version
    from dmlcore.study.component import data_check
    from dmlcore.study.load import load_study

    try:
        content = text.encode()
    except UnicodeEncodeError:
        raise StudyError(f"The name {str(images.source)!r} is not valid UTF-8, so no study can have it.") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise StudyError(f"{path} exists already. Choose another file with -o.") from None
    say(f"Wrote {path}: {amounts(images.splits)}.")
    for note in images.notes():
        say(f"Note: {note}")
    libraries = load_study(path, registry).study.backbone.libraries
    missing = {name: "" for name in libraries if installed_version(name) is None}
    install = [shlex.join(["pip", "install", *requirements(missing)])] if missing else []
    _next_steps([path], *install, data_check(images.dataset))


def _copied(names: Sequence[str], folder: Path) -> None:
    from dmlcore.commands.init.copying import copy_studies
    from dmlcore.text import counted

    studies, written = copy_studies(names, folder)
    say(f"Wrote {counted(len(written), 'file')} to {folder}.")
    _next_steps(studies)


def _next_steps(studies: Sequence[Path], *before: str) -> None:
    commands = (shlex.join(["dmlcore", verb, *(path.as_posix() for path in studies)]) for verb in ("check", "run"))
    say("\n    ".join(["Next steps:\n", *before, *commands]))
