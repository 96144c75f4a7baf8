"""Names in messages: the first few, printable, counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def first_few(names: Sequence[object], most: int = 5) -> str:
    """The first few names for a message, and how many there are: "a, b, … (7 in all)"."""
    shown = ", ".join(printable(str(name)) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names):,} in all)"


def counts_by_name(counts: Mapping[str, int], most: int = 8) -> str:
    """ "12 .txt, 3 .heic, … (20 in all)", the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{count:,} {printable(name)}" for name, count in ordered[:most])
    return shown if len(ordered) <= most else f"{shown}, … ({sum(counts.values()):,} in all)"


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 class", "2 classes"."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def joined(words: Iterable[str]) -> str:
    """ "train, val and test"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def printable(text: str) -> str:
    """The text with escapes for control characters, unusual blanks and bytes that are not valid UTF-8."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escape(sign) for sign in text)


def _escape(sign: str) -> str:
    if "\udc80" <= sign <= "\udcff":  # how Python reads a byte that is not valid UTF-8
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign.encode("unicode_escape").decode()
