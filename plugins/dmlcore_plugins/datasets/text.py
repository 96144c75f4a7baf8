"""Lists of names in messages."""

from __future__ import annotations

from collections.abc import Sequence


def first_few(names: Sequence[object], most: int = 5) -> str:
    """The first few names, and how many there are: "a, b, … (7 in all)"."""
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names):,} in all)"
