"""Writes docs/reference.md from the classes themselves: `make docs`."""

from __future__ import annotations

import inspect
from pathlib import Path

from dmlcore.api.components import KINDS
from dmlcore.host import describe
from dmlcore.host.discovery import discover
from dmlcore.host.registry import Registry
from dmlcore.study.schema import Study
from dmlcore.study.tables import TABLES

PAGE = Path(__file__).with_name("reference.md")

INTRODUCTION = """\
# Reference: the study file and the built-in components

Made by `make docs` from the classes themselves; `dmlcore describe NAME` shows the same for whatever is installed. How a
study file works is told in [study.md](study.md).
"""


def page() -> str:
    """The whole page."""
    registry = Registry.of(discover())
    parts = [INTRODUCTION, "## The tables of a study file"]
    parts += [f"### {_title(name)}\n\n{_body(cls)}" for name, cls in TABLES.items()]
    for kind in KINDS:
        offers = [offer for offer in registry.of_kind(kind) if offer.source.distribution == "dmlcore"]
        if offers:
            parts.append(f"## {kind.capitalize()}: `use = …`")
        parts += [f"### `{offer.component.name}`\n\n{_body(offer.component)}" for offer in offers]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _title(table: str) -> str:
    return "The top of the file" if table == "study" else f"`[{table}]`"


def _body(cls: type) -> str:
    text = inspect.getdoc(cls) or ""
    return f"{text}\n\n{describe.markdown(cls, inner=cls is not Study)}" if describe.options(cls) else text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
