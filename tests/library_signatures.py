"""The signatures of pytorch-metric-learning, in `library_signatures.toml`, which components are compared with.

`python tests/library_signatures.py` writes it again from the installed version. Adopt what changed
in the components too.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("library_signatures.toml")
KINDS = ("losses", "miners", "distances", "reducers", "regularizers")
"""The packages of the library."""

ABSTRACT = ("Base", "Generic")
"""Prefixes of the names of classes that are for subclassing."""

Signatures = Mapping[str, Mapping[str, list[str]]]
"""Package → class → its parameters, as Python writes them."""


def installed() -> Signatures:
    """The signatures of the installed version."""
    return {kind: {cls.__name__: list(parameters(cls)) for cls in _classes(kind)} for kind in KINDS}


def _classes(kind: str) -> Iterator[type]:
    package = import_module(f"pytorch_metric_learning.{kind}")
    for name, cls in sorted(vars(package).items()):
        if inspect.isclass(cls) and not name.startswith(ABSTRACT) and not name.endswith("Mixin"):
            yield cls


def parameters(cls: type) -> Iterator[str]:
    """All parameters of a class: its own, and those that it passes on to its base classes."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if "__init__" not in vars(base) or not base.__module__.startswith("pytorch_metric_learning"):
            continue
        own = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        for parameter in own:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and parameter.name not in seen:
                seen.add(parameter.name)
                yield _written(parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in own):
            return


def _written(parameter: inspect.Parameter) -> str:
    default: Any = parameter.default
    if default is parameter.empty:
        return parameter.name
    return f"{parameter.name}={default.__name__ if inspect.isfunction(default) else repr(default)}"


def written(signatures: Signatures) -> str:
    """The table as TOML, one line for each class."""
    lines = [f"# pytorch-metric-learning {version('pytorch-metric-learning')}, written by library_signatures.py."]
    for kind, classes in signatures.items():
        lines += ["", f"[{kind}]"]
        for name, found in classes.items():
            quoted = ", ".join(f"'{parameter}'" if '"' in parameter else f'"{parameter}"' for parameter in found)
            lines.append(f"{name} = [{quoted}]")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(written(installed()), encoding="utf-8")
