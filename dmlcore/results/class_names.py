"""Class names in the metadata of stored tensors."""

from __future__ import annotations

import json
from collections.abc import Sequence

CLASS_NAMES = "class_names"
"""The key of the names in the metadata."""


def names_to_text(names: Sequence[str]) -> str:
    """Return the names as a JSON list."""
    return json.dumps(list(names), ensure_ascii=False)


def names_from_text(text: str) -> tuple[str, ...]:
    """Return the names of a JSON list, or of lines, as embeddings had them up to result format 2; none of no text."""
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return tuple(names)
    return tuple(text.split("\n")) if text else ()
