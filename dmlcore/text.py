"""Parts of messages: lists, nearest names, counts, durations; and text without invisible characters."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

MANY = 12
"""A message lists at most this many names."""


_UNSEEN = re.compile(
    r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Control characters other than tab and line break, characters that are invisible or change the direction of text, and
bytes of file names that are not UTF-8."""


def visible(text: str) -> str:
    """Text from outside for people: characters that control a terminal, or that nobody sees, by their codes.

    A terminal's escape sequence becomes "\\u001b[31m", as TOML and JSON write it; tabs and line breaks stay.
    """
    return _UNSEEN.sub(lambda character: f"\\u{ord(character[0]):04x}", text)


def one_line(text: str) -> str:
    """Text from outside in one line, with invisible characters by their codes."""
    return re.sub(r"[ \t\r\n]+", " ", visible(text)).strip(" ")


def listing(words: Iterable[str]) -> str:
    """Join words by commas."""
    return ", ".join(words)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """ " Did you mean …?" with the nearest known words; empty if there are none."""
    near = get_close_matches(word, known, n=3, cutoff=0.55)
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""


def known_names(kind: str, names: Collection[str]) -> str:
    """The names of a kind, or the command that lists them if there are many."""
    if len(names) > MANY:
        return f"`dmlcore describe {kind}` lists all {len(names)}."
    return f"Known: {listing(names) or 'none'}."


def shortened(text: str, most: int = 80) -> str:
    """A text of any length as at most `most` characters and its length: "abc… (12,345 characters)"."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def cut_in_middle(text: str, most: int) -> str:
    """A text of at most `most` characters, without its middle if it is longer: "Black_…796.jpg"."""
    if len(text) <= most:
        return text
    end = most // 2
    return f"{text[: most - end - 1]}…{text[-end:]}"


def counted(number: int, noun: str) -> str:
    """ "1 run", "2 runs", "3 classes", "4 batches", "5 epochs"."""
    plural = f"{noun}es" if noun.endswith(("s", "tch")) else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def capitalized(text: str) -> str:
    """The text with a capital first letter; the others stay."""
    return text[:1].upper() + text[1:]


def with_article(noun: str) -> str:
    """ "a loss", "an observer"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def is_text(value: object) -> bool:
    """Whether a value is a string that UTF-8 can encode; names of files may have bytes that it can't."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def duration(seconds: float, longest: float | None = None) -> str:
    """ "8.2 s", "3 min 05 s", "2 h 10 min"; in the units of `longest`, if it is given."""
    scale = seconds if longest is None else longest
    if scale < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if round(scale) < 3600:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def byte_size(number: int) -> str:
    """ "812 bytes", "45.2 MB", "1.15 GB"; 1 MB is a million bytes."""
    size, unit = byte_unit(number)
    if size == 1:
        return counted(number, "byte")
    return f"{number / size:.3g} {unit}" if number < 100 * size else f"{number / size:,.0f} {unit}"


def byte_unit(number: float) -> tuple[int, str]:
    """The unit that suits a number of bytes: how many bytes it has, and its name."""
    return next(((10**power, unit) for power, unit in _BYTE_UNITS if number >= 10**power), (1, "bytes"))


_BYTE_UNITS = ((9, "GB"), (6, "MB"), (3, "kB"))


def point_label(point: Mapping[str, object]) -> str:
    """A grid point as text: "embedding.dim=64 loss.margin=0.1"; empty without a grid."""
    return " ".join(f"{path}={value_text(value)}" for path, value in point.items())


def value_text(value: object) -> str:
    """A grid value as short text: a component by name and options."""
    if isinstance(value, Mapping):
        rest = ",".join(f"{key}={value_text(item)}" for key, item in value.items() if key != "use")
        return f"{value.get('use', '')}{f'({rest})' if rest else ''}"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def toml_text(value: object) -> str:
    """A plain value as TOML, in one line."""
    if isinstance(value, Mapping):
        pairs = listing(f"{_toml_key(str(key))} = {toml_text(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", r"\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Iterable):
        return f"[{listing(map(toml_text, value))}]"
    return repr(value)


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_text(key)
