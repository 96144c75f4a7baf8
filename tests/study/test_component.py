"""A component and the words of a command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from dmlcore.api.components import DatasetConfig
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.component import changed_options, component_from, data_check, options_by_component
from dmlcore_plugins.datasets.image_folder import ImageFolder

FOLDERS = [
    (ImageFolder(root=Path("photos")), "--set root=photos"),
    (
        ImageFolder(root=Path("my photos"), split="random", test_fraction=0.25),
        "--set 'root=my photos' --set split=random",
    ),
    (ImageFolder(csv=Path("list.csv"), train_classes=("a", "true")), '--set csv=list.csv --set \'train_classes=["a", '),
    (ImageFolder(root=Path("true")), "--set 'root=\"true\"'"),
]


@pytest.mark.parametrize(("folder", "words"), FOLDERS)
def test_the_command_that_checks_a_data_set_has_its_options(folder: ImageFolder, words: str) -> None:
    command = data_check(folder)
    assert command.startswith(f"dmlcore data check image_folder {words}")
    settings = [word for word in shlex.split(command)[4:] if word != "--set"]
    options = options_by_component(settings, ["image_folder"])["image_folder"]
    assert component_from(DatasetConfig, "image_folder", options, Registry.of(discover())) == folder


def test_paths_are_relative_to_the_folder_given() -> None:
    assert changed_options(ImageFolder(root=Path("a/photos")), Path("a/studies")) == {"root": "../photos"}
