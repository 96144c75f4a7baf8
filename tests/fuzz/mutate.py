"""Mutations of bytes and of plain values, all drawn from one generator."""

from __future__ import annotations

from random import Random
from typing import Any

HOSTILE_TEXTS = (
    "",
    " ",
    ".",
    "..",
    "\x00",
    "a\x00b",
    "a\nb",
    "\x1b[31mred\x1b[0m\x07",
    "‮evil",
    "\ud800",
    "\ufeff",
    "[bold]x[/bold]",
    "[/]",
    "{x}",
    "%s%n",
    "$\\frac{1}{0}$",
    "\\input{/etc/passwd}",
    "<script>alert(1)</script>",
    "![x](http://127.0.0.1:9/x)",
    "`x`{=typst}",
    "=HYPERLINK(1)",
    "C:\\Users\\new",
    "../../../etc/passwd",
    "/dev/null",
    "nan",
    "null",
    "None",
    "1e999",
    "a" * 300,
    "a" * 100_000,
    "é",
    "e\u0301",
    "\u00a0x\u00a0",
)
HOSTILE_NUMBERS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 7, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**100),
    *(0.0, -0.0, 0.5, -1.5, 1e-300, 1e308, float("inf"), float("-inf"), float("nan")),
)
TOKENS = (
    *(b"[", b"]", b"[[", b"{", b"}", b'"', b"'", b"'''", b'"""', b"=", b",", b".", b"#", b"\\", b"\\u", b"\r", b"\n"),
    *(b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc3\x28", b"\xed\xa0\x80", b"9" * 5000, b"[" * 500),
    *(b"nan", b"inf", b"-", b"1e999", b"true", b"null", b"1979-05-27", b";", b"\t", b"../", b"C:\\Users\\x"),
)


def mutated_bytes(data: bytes, random: Random) -> bytes:
    """The data after one to four small changes; now and then something else altogether."""
    if random.random() < 0.02:
        return random.choice((b"", b"\x00" * 64, random.randbytes(200), b"[" * 10_000))
    content = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        _change(content, random)
    return bytes(content)


def _change(content: bytearray, random: Random) -> None:
    start = random.randrange(len(content) + 1)
    end = min(len(content), start + random.choice((1, 1, 2, 8, 64, 1024)))
    match random.randrange(7):
        case 0 if start < len(content):
            content[start] ^= 1 << random.randrange(8)
        case 1 if start < len(content):
            content[start] = random.randrange(256)
        case 2:
            del content[start:end]
        case 3:
            content[start:start] = content[start:end] * random.choice((1, 2, 50))
        case 4:
            content[start:start] = random.choice(TOKENS)
        case 5:
            del content[start:]
        case _:
            content[start:end] = random.choice(TOKENS)


def hostile_value(random: Random, depth: int = 0) -> Any:
    """A number, text, truth value, list or table that nobody would write."""
    match random.randrange(8 if depth < 3 else 5):
        case 0 | 1:
            return random.choice(HOSTILE_NUMBERS)
        case 2 | 3:
            return random.choice(HOSTILE_TEXTS)
        case 4:
            return random.random() < 0.5
        case 5:
            return [hostile_value(random, depth + 1) for _ in range(random.choice((0, 1, 3, 20)))]
        case 6:
            return {random.choice(("use", "x", "", "a.b", "name")): hostile_value(random, depth + 1)}
        case _:
            return nested(random.choice((10, 50, 200)))


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def mutated_value(value: Any, random: Random, others: tuple[str, ...] = ()) -> Any:
    """A copy of a plain value in which one place has changed. `others`: texts that are valid elsewhere."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        match random.randrange(12):
            case 0:
                return {name: item for name, item in value.items() if name != key}
            case 1:
                return value | {random.choice(("", "use", "nmae", key + "s", "a b", "é")): hostile_value(random)}
            case _:
                return value | {key: mutated_value(value[key], random, others)}
    if isinstance(value, list) and value and random.random() < 0.8:
        index = random.randrange(len(value))
        match random.randrange(6):
            case 0:
                return value[:index] + value[index + 1 :]
            case 1:
                return value + [value[index]] * random.choice((1, 3, 200))
            case _:
                return [*value[:index], mutated_value(value[index], random, others), *value[index + 1 :]]
    if isinstance(value, str) and others and random.random() < 0.4:
        return random.choice(others)
    return hostile_value(random)
