"""Line numbers of values in a TOML file, for error messages only."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from dmlcore.study.limits import DEEPEST
from dmlcore.study.structure import ValuePath

if TYPE_CHECKING:
    from tree_sitter import Node


def line_of(text: str, path: ValuePath) -> int | None:
    """The line, from 1, of the value at `path`, or of the nearest enclosing table; None if there is none."""
    lines = _lines(text)
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


@lru_cache(maxsize=4)
def _lines(text: str) -> dict[ValuePath, int]:
    import tree_sitter_toml
    from tree_sitter import Language, Parser

    root = Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node
    lines: dict[ValuePath, int] = {}
    array_sizes: dict[ValuePath, int] = {}
    for node in root.named_children:
        if node.type == "pair":
            _note_pair(node, (), lines)
        elif node.type in ("table", "table_array_element"):
            header, *pairs = node.named_children
            table = _resolve(_key(header), array_sizes, opens_item=node.type == "table_array_element")
            for path in (table, table[:-1]):
                lines.setdefault(path, node.start_point.row + 1)
            for pair in pairs:
                _note_pair(pair, table, lines)
    return lines


def _resolve(key: ValuePath, array_sizes: dict[ValuePath, int], *, opens_item: bool) -> ValuePath:
    """A header's key, with the index in each array of tables."""
    path: ValuePath = ()
    for depth, part in enumerate(key, start=1):
        path = (*path, part)
        if opens_item and depth == len(key):
            array_sizes[path] = array_sizes.get(path, 0) + 1
        if path in array_sizes:
            path = (*path, array_sizes[path] - 1)
    return path


def _note_pair(node: Node, table: ValuePath, lines: dict[ValuePath, int]) -> None:
    if node.type != "pair":
        return
    key, value = node.named_children[0], node.named_children[-1]
    path = (*table, *_key(key))
    for length in range(len(table) + 1, len(path) + 1):
        lines.setdefault(path[:length], node.start_point.row + 1)
    _note_value(value, path, lines)


def _note_value(node: Node, path: ValuePath, lines: dict[ValuePath, int]) -> None:
    lines[path] = node.start_point.row + 1
    if len(path) > DEEPEST:
        return
    if node.type == "inline_table":
        for pair in node.named_children:
            _note_pair(pair, path, lines)
    elif node.type == "array":
        items = [child for child in node.named_children if child.type != "comment"]
        for index, item in enumerate(items):
            _note_value(item, (*path, index), lines)


def _key(node: Node) -> ValuePath:
    if node.type == "dotted_key":
        return tuple(part for child in node.named_children for part in _key(child))
    text = node.text.decode() if node.text else ""
    return (text[1:-1] if node.type == "quoted_key" else text,)
