"""`dmlcore data`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dmlcore.commands.options import PATH, installed
from dmlcore.commands.output import echo, say
from dmlcore.data.duplicates import NEAR_BITS

if TYPE_CHECKING:
    from dmlcore.api.components import DatasetConfig


@click.group()
def data() -> None:
    """Download, import and check data sets."""


def _takes_data_set(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the argument and the options that describe a data set."""
    for decorate in (
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="OPTION=VALUE",
            help="Set an option of the data set, such as root=photos. Repeatable.",
        ),
        click.option("--root", type=PATH, help="Folder of its files; short for --set root=…."),
        click.argument("name"),
    ):
        command = decorate(command)
    return command


@data.command()
@_takes_data_set
@click.option(
    "--mirror",
    envvar="DMLCORE_MIRROR",
    show_envvar=True,
    metavar="URL",
    help="URL of a folder with the archives; tried first.",
)
@click.option("--keep-archives", is_flag=True, help="Keep the archives in the root after unpacking them.")
def fetch(name: str, root: Path | None, settings: Sequence[str], mirror: str | None, keep_archives: bool) -> None:
    """Download and unpack the data set NAME.

    Nothing happens if it is there already. Proxies are read from http_proxy and https_proxy.
    """
    from dmlcore.data.fetching import fetch

    say(fetch(_dataset(name, root, settings), mirror, keep_archives))


@data.command("import")
@_takes_data_set
@click.argument("path", type=PATH)
@click.option("--link", is_flag=True, help="Link to the unpacked folder instead of copying it.")
def import_(name: str, path: Path, root: Path | None, settings: Sequence[str], link: bool) -> None:
    """Import the data set NAME from local files.

    PATH is an archive, a folder of archives, or the unpacked folder. It is not changed.
    """
    from dmlcore.data.importing import import_files

    say(import_files(_dataset(name, root, settings), path, link))


@data.command()
@_takes_data_set
@click.option(
    "--near",
    default=NEAR_BITS,
    show_default=True,
    type=click.IntRange(0, 16),
    metavar="BITS",
    help="Largest number of different bits, of 64, between the difference hashes of images that look alike.",
)
@click.option("--all", "name_all", is_flag=True, help="List every image found, not only the first few of each kind.")
def check(name: str, root: Path | None, settings: Sequence[str], near: int, name_all: bool) -> None:
    """Check every image of the data set NAME.

    Counts images, classes, grayscale, CMYK and rotated images, and duplicates. Exit code 3 if images can't be read, or
    if classes are in both train and test.
    """
    from dmlcore.data.checking import check
    from dmlcore.errors import DataError

    report = check(_dataset(name, root, settings), near, name_all)
    for line in report.lines:
        echo(line)
    if report.broken:
        raise SystemExit(DataError.exit_code)


def _dataset(name: str, root: Path | None, settings: Sequence[str]) -> DatasetConfig:
    """The data set with its options. Raises StudyError with every problem."""
    from dmlcore.api.components import DatasetConfig
    from dmlcore.study.component import component_from, options_by_component

    registry = installed()
    registry.find(DatasetConfig.kind, name)
    options = options_by_component(settings, [name])[name] | ({"root": str(root)} if root else {})
    return component_from(DatasetConfig, name, options, registry)
