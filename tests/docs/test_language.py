"""Every text that a user can see is plain English: no archaic or coined words, and American spelling."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ARCHAIC = (
    "told|tells?|telling|mend|mends|mended|mending|anew|besides?|lies?|lying|laid|made|brought|whose|thereof|anybody|"
    "beheld|heed|heeds|parted|stands?|stood|so many|left out|leaves? out|looks? over|looked over|by hand there|"
    "what is to be|of (?:its|their|one's) own|(?:go|goes|going|gone|went) on"
)
"""Words and phrases that no one writes in documentation today, or not in this sense."""

BRITISH = (
    r"colour\w*|neighbour\w*|licence\w*|grey\w*|normalis\w*|optimis(?:e|ing|ation)\w*|behaviour\w*|favour\w*|"
    r"centres?|centred|recognis\w*|learnt"
)

BANNED = re.compile(rf"\b(?:{ARCHAIC}|{BRITISH})\b".replace(" ", r"\s+"), re.IGNORECASE)

TEXTS = {".md", ".toml", ".template", ".html", ".css", ".js", ".typ", ".lua"}
"""Suffixes of files that are scanned as a whole; of Python files, the strings and docstrings are."""

AREAS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs", "studies", "dmlcore/[!_.]*", "plugins/dmlcore_plugins/[!_.]*")
    for path in ROOT.glob(pattern)
)


def strings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string literal, docstring and constant part of an f-string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def hits(name: str, line: int, text: str) -> Iterator[str]:
    """`file:line: word: sentence` of each banned word in a text that starts at a line."""
    for found in BANNED.finditer(text):
        before = re.split(r"(?<=\.)\s|\n\n", text[max(0, found.start() - 150) : found.start()])[-1]
        after = re.split(r"(?<=\.)\s|\n\n", text[found.start() : found.end() + 100])[0]
        at = line + text.count("\n", 0, found.start())
        yield f"{name}:{at}: {' '.join(found[0].split())}: {' '.join((before + after).split())}"


def hits_in(path: Path) -> list[str]:
    name, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    texts = strings(source) if path.suffix == ".py" else [(1, source)]
    return [hit for line, text in texts for hit in hits(name, line, text)]


def files(area: str) -> Iterator[Path]:
    whole = ROOT / area
    for path in sorted(whole.rglob("*")) if whole.is_dir() else [whole]:
        if path.suffix in TEXTS or path.suffix == ".py":
            yield path


@pytest.mark.parametrize("area", AREAS)
def test_plain_english(area: str) -> None:
    found = [hit for path in files(area) for hit in hits_in(path)]
    assert not found, f"{len(found)} banned words:\n" + "\n".join(found)


def test_everything_is_scanned() -> None:
    scanned = {path.relative_to(ROOT).as_posix() for area in AREAS for path in files(area)}
    assert {
        "README.md",
        "dmlcore/cli.py",
        "dmlcore/report/render/templates/report.html",
        "dmlcore/commands/new_plugin/templates/loss/about.md.template",
        "plugins/dmlcore_plugins/losses/triplet.py",
        "docs/hooks/README.md",
        "docs/examples/dmlcore-confusion/dmlcore_confusion.py",
        "studies/quickstart.toml",
        "studies/recipes/cub_hist.toml",
    } <= scanned


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('"The reason is told."', ["told"]),
        ('f"{name} lies beside {other}."', ["lies", "beside"]),
        ('"""What is left\nout is the default."""', ["left out"]),
        ('help("Colours of the " "map, made anew")', ["Colours", "made", "anew"]),
        ('"""Run.\n\n    A second run GOES ON, and the optimiser too.\n    """', ["GOES ON", "optimiser"]),
        ("told = left_out = 'optimistic, hotels, made_loss'  # told", []),
    ],
)
def test_the_scan_finds_banned_words(source: str, words: list[str]) -> None:
    found = [hit for line, text in strings(source) for hit in hits("page", line, text)]
    assert [hit.split(": ")[1] for hit in found] == words


def test_a_hit_names_file_line_word_and_sentence() -> None:
    text = "One. Two\nstands\nhere. Three."
    assert list(hits("page.md", 7, text)) == ["page.md:8: stands: Two stands here."]
