"""The text of studies on the user's images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

from dmlcore.api.components import BackboneConfig
from dmlcore.api.values import BackboneContext
from dmlcore.commands.init.fitting import Fit, fit
from dmlcore.commands.init.images import DATASET, Images
from dmlcore.errors import DmlcoreError
from dmlcore.host.registry import Registry
from dmlcore.study.component import component_from
from dmlcore.text import counted, toml_text

TEMPLATES = Path(__file__).with_name("templates")
COMMENTS = 32
"""The column at which comments after a value start."""

BASELINES = (
    {"use": "efficientnet_lite0"},
    {"use": "resnet50"},
    {"use": "timm", "model": "resnet50.a1_in1k"},
    {"use": "timm", "model": "vit_small_patch14_dinov2.lvd142m"},
    {"use": "timm", "model": "vit_base_patch16_clip_224.openai"},
)
"""Pretrained networks to compare, as tables of a study."""


def photos_study(images: Images, file: Path) -> str:
    """The text of a study `file` that trains on these images."""
    chosen = fit(images.counts("train"), len(images.splits["test"].labels))
    return _filled("photos", {**_of_images(images, file), **_of_fit(chosen, images)})


def baselines_study(images: Images, file: Path, registry: Registry) -> str:
    """The text of a study `file` that measures pretrained networks on these images."""
    chosen = fit(images.counts("train"), len(images.splits["test"].labels))
    networks = "\n".join(_networks(registry))
    return _filled("baselines", {**_of_images(images, file), **_of_fit(chosen, images), "networks": networks})


def _filled(template: str, values: Mapping[str, object]) -> str:
    """The template with the values, and its comments in one column; a tab precedes each comment after a value."""
    text = (TEMPLATES / f"{template}.toml.template").read_text(encoding="utf-8")
    lines = Template(text).substitute(values).splitlines()
    return "".join(re.sub(r"^(.*)\t# ", lambda found: f"{found[1]:<{COMMENTS - 1}} # ", line) + "\n" for line in lines)


def _of_images(images: Images, file: Path) -> dict[str, object]:
    """The values about the images."""
    every = [*images.counts("train"), *images.counts("test")]
    options = [f"{key} = {toml_text(value)}" for key, value in images.options(file.parent).items()]
    return {
        "file": _comment(file.as_posix()),
        "source": _comment(str(images.source)),
        "images": counted(sum(every), "image"),
        "classes": counted(len(every), "class"),
        "each": f"{min(every)} each" if min(every) == max(every) else f"{min(every)} to {max(every)} each",
        "dataset": DATASET,
        "options": "\n".join(options),
        "split": "\n".join(f"# {line}" for line in _split_lines(images)),
    }


def _split_lines(images: Images) -> Iterator[str]:
    for name, split in images.splits.items():
        first, last = split.class_names[0], split.class_names[-1]
        classes = counted(len(split.class_names), "class")
        yield f"{name}: {classes}, {_comment(first)} to {_comment(last)}; {counted(len(split.labels), 'image')}"
    yield from map(_comment, images.notes())
    if images.note:
        yield f"Split by name, since {_comment(images.note)}"
    else:
        yield 'For other classes, name those to train on: train_classes = ["…"]. At random: split = "random".'


def _of_fit(chosen: Fit, images: Images) -> dict[str, object]:
    """The values about batches, epochs and metrics."""
    classes = len(images.splits["train"].class_names)
    few = counted(chosen.small_classes, "class")
    repeats = f"{few} with fewer images: an image can be twice in a batch" if chosen.small_classes else ""
    return {
        "samples": chosen.samples_per_class,
        "repeats": f"allow_repeats = true\t# {repeats}\n" if repeats else "",
        "batch_size": chosen.batch_size,
        "batch_classes": f"all {classes}"
        if chosen.classes_per_batch == classes
        else f"{chosen.classes_per_batch} of {classes}",
        "steps": counted(chosen.steps_per_epoch, "step"),
        "epochs": chosen.epochs,
        "all_steps": chosen.steps_per_epoch * chosen.epochs,
        "recall_at": toml_text(chosen.recall_at),
        "test_images": counted(len(images.splits["test"].labels), "image"),
    }


def _networks(registry: Registry) -> Iterator[str]:
    """A line for each network of the grid; those without available weights are comments."""
    for table in BASELINES:
        name = table["use"]
        options = {key: value for key, value in table.items() if key != "use"}
        try:
            component_from(BackboneConfig, name, options, registry).check(BackboneContext())
        except DmlcoreError as error:
            yield f"    # {toml_text(table)},  not available: {_comment(str(error))}"
        else:
            yield f"    {toml_text(table)},"


def _comment(text: str) -> str:
    """Text for a comment: in one line, without control characters."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
