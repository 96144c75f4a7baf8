"""The names of classes as people and programs write them: cleaned, compared and sorted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from unicodedata import category, normalize

BLANK_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
"""Blanks, line breaks, and characters without width."""

NUMBER = re.compile("[0-9]+")


def clean(name: str) -> str:
    """A name in Unicode's composed form (NFC), without blanks and invisible characters at its ends."""
    if name.isascii():
        return name.strip()
    first, last = 0, len(name)
    while first < last and category(name[first]) in BLANK_CATEGORIES:
        first += 1
    while first < last and category(name[last - 1]) in BLANK_CATEGORIES:
        last -= 1
    return normalize("NFC", name[first:last])


def is_text(name: str) -> bool:
    """Whether the name of a file is valid UTF-8; the bytes that are not are surrogates in it."""
    if name.isascii():
        return True
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def natural(names: Iterable[str]) -> list[str]:
    """Sorted as text, but numbers by their value: 1, 2, 10."""
    known = list(names)
    width = max((len(number) for name in known for number in NUMBER.findall(name)), default=0)
    return sorted(known, key=lambda name: (NUMBER.sub(lambda number: number[0].zfill(width), name), name))


def near_equal(names: Iterable[str]) -> list[list[str]]:
    """The groups of names that differ only in case, inner blanks, invisible characters, width or typographic form."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_essence(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def merged(groups: Sequence[Sequence[str]], images: Mapping[str, int]) -> dict[str, str]:
    """Name → the name of its group with the most images, the first of these."""
    return {name: max(group, key=lambda name: images[name]) for group in groups for name in group}


def _essence(name: str) -> str:
    if name.isascii():
        return " ".join(name.lower().split())
    folded = normalize("NFKC", normalize("NFKC", name).casefold())
    return " ".join("".join(sign for sign in folded if category(sign) != "Cf").split())
