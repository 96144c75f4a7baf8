"""The names of timm's networks, and what is known about each without building it."""

from __future__ import annotations

from difflib import get_close_matches

import timm

from dmlcore import StudyError


def all_names() -> set[str]:
    """Every name that `timm.create_model` takes, with and without the tag of its weights."""
    return {*timm.list_models(), *timm.list_models(include_tags=True)}


def matching(pattern: str) -> list[str]:
    """The names, with the tags of their weights, that match a pattern with * and ?, or contain a text without them.

    Raises StudyError where nothing matches.
    """
    anywhere = pattern if set("*?[") & set(pattern) else f"*{pattern}*"
    found: list[str] = timm.list_models(anywhere, include_tags=True)
    if not found:
        raise StudyError(f'timm {timm.__version__} has no network like "{pattern}". {nearest(pattern.strip("*?"))}')
    return found


def nearest(name: str) -> str:
    """A sentence with the names nearest to an unknown one."""
    names = all_names()
    tags = [each for each in names if each.startswith(name.partition(".")[0] + ".")]
    near = get_close_matches(name, sorted(tags or names), n=5)
    return f"Nearest: {', '.join(near)}." if near else "`dmlcore backbones` lists them all."


def size_and_license(name: str) -> tuple[str, str]:
    """The side of a network's images and the license of its weights, for a person to read."""
    settings = timm.get_pretrained_cfg(name)
    if settings is None:
        return "size not stated", "no weights"
    height, width = settings.input_size[1:]
    side = f"{width} px" if width == height else f"{width}×{height} px"
    license_name = f"license {settings.license or 'not stated'}" if settings.has_weights else "no weights"
    return f"{side}{', fixed' if settings.fixed_input_size else ''}", license_name
