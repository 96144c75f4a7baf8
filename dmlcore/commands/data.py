"""`dmlcore data`: bringing the images of a data set, and looking them over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dmlcore.data.duplicates import NEAR_BITS

if TYPE_CHECKING:
    from dmlcore.api.components import DatasetConfig

PATH = click.Path(path_type=Path)


class _DataCommands(click.Group):
    """Says what Ctrl-C left."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(
                "Stopped. Nothing unfinished is in use; a download goes on when it is asked for again.", err=True
            )
            ctx.exit(130)


@click.group(cls=_DataCommands)
def data() -> None:
    """Bring the images of a data set, and look them over."""


def _of_a_data_set(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument and the options that name a data set."""
    for decorate in (
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="OPTION=VALUE",
            help="Set an option of the data set, such as root=photos. Repeatable.",
        ),
        click.option("--root", type=PATH, help="Short for --set root=…: the folder that its files lie in."),
        click.argument("name"),
    ):
        command = decorate(command)
    return command


@data.command()
@_of_a_data_set
@click.option(
    "--mirror",
    envvar="DMLCORE_MIRROR",
    show_envvar=True,
    metavar="URL",
    help="Address of a folder that has the archives under their own names; tried before all others.",
)
@click.option("--keep-archives", is_flag=True, help="Leave the archives in the root; else they go once unpacked.")
def fetch(name: str, root: Path | None, settings: Sequence[str], mirror: str | None, keep_archives: bool) -> None:
    """Download and unpack the data set NAME, unless it is there.

    Proxies are taken from the variables http_proxy and https_proxy.
    """
    from dmlcore.data.fetching import fetch

    click.echo(fetch(_dataset(name, root, settings), mirror, keep_archives))


@data.command("import")
@_of_a_data_set
@click.argument("path", type=PATH)
@click.option("--link", is_flag=True, help="Make a symbolic link to the unpacked folder in the place of a copy.")
def import_(name: str, path: Path, root: Path | None, settings: Sequence[str], link: bool) -> None:
    """Bring the data set NAME from files that you have; PATH keeps them as they are.

    PATH is an archive, a folder of archives, or the unpacked folder.
    """
    from dmlcore.data.importing import import_files

    click.echo(import_files(_dataset(name, root, settings), path, link))


@data.command()
@_of_a_data_set
@click.option(
    "--near",
    default=NEAR_BITS,
    show_default=True,
    type=click.IntRange(0, 16),
    metavar="BITS",
    help="Pictures look alike whose difference hashes differ in at most so many of 64 bits.",
)
@click.option("--all", "name_all", is_flag=True, help="Name every image found, not only the first few of each kind.")
def check(name: str, root: Path | None, settings: Sequence[str], near: int, name_all: bool) -> None:
    """Look at every image of the data set NAME.

    Counts what is there, greyscale, CMYK and turned images, and those that are there twice; ends with exit code 1
    where images can't be read, or classes are in both train and test.
    """
    from dmlcore.data.checking import check

    report = check(_dataset(name, root, settings), near, name_all)
    for line in report.lines:
        click.echo(line)
    if report.broken:
        raise SystemExit(1)


def _dataset(name: str, root: Path | None, settings: Sequence[str]) -> DatasetConfig:
    """The data set with its options. Raises StudyError, with every problem."""
    from dmlcore.api.components import DatasetConfig
    from dmlcore.host.discovery import discover
    from dmlcore.host.registry import Registry
    from dmlcore.study.component import component_from, options_by_component

    registry = Registry.of(discover())
    registry.find(DatasetConfig.kind, name)
    options = options_by_component(settings, [name])[name] | ({"root": str(root)} if root else {})
    return component_from(DatasetConfig, name, options, registry)
