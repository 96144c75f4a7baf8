"""Folders of small pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dmlcore import DmlcoreError, ImageFiles, Split
from dmlcore_plugins.datasets.image_folder import ImageFolder
from plugins.datasets.archives import picture


def lay_out(root: Path, *files: str, text: str = "no image") -> Path:
    """Create files below a folder: pictures if they end in .jpg or .png, folders if they end in a slash, else text."""
    for number, name in enumerate(files):
        file = Path(f"{os.fspath(root)}/{name}")
        folder = file if name.endswith("/") else file.parent
        folder.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".jpg", ".png"):
            picture(number).save(file)
        elif not name.endswith("/"):
            file.write_text(text)
    return root


def names_of(images: ImageFiles) -> list[str]:
    """Class and path below the root of each image."""
    classes = [images.class_names[label] for label in images.labels]
    assert images.root is not None
    return [
        f"{name}: {path.relative_to(images.root).as_posix()}" for name, path in zip(classes, images.paths, strict=True)
    ]


def refusal(error: type[DmlcoreError], dataset: ImageFolder) -> str:
    """The message with which both splits are refused."""
    splits: tuple[Split, ...] = ("train", "test")
    texts = set()
    for split in splits:
        with pytest.raises(error) as refused:
            dataset.load(split)
        texts.add(str(refused.value))
    (text,) = texts
    return text
