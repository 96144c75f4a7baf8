"""Panels put together."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.handin.plates import plate
from dmlcore.report.figures.drawing import WIDTH

PANEL = Panel('<svg width="400pt" height="50pt" viewBox="0 0 400 50"><path d="M0 0"/></svg>', "a line")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(panels: int, *legend: Key) -> ElementTree.Element:
    return ElementTree.fromstring(plate(Figure("lines", "Lines", "", (PANEL,) * panels, legend)))


def test_panels_stand_in_rows_and_the_legend_below() -> None:
    root = drawn(4, Key("a < b", "#ff0000"), Key("c", "#00ff00", 1))
    panels = root.findall(f"{SVG}svg")
    assert [(panel.get("x"), panel.get("y")) for panel in panels] == [
        ("0", "0"),
        ("400", "0"),
        ("0", "50"),
        ("400", "50"),
    ]
    assert {(panel.get("width"), panel.get("height"), panel.get("viewBox")) for panel in panels} == {
        ("400", "50", "0 0 400 50")
    }
    assert [text.text for text in root.findall(f"{SVG}text")] == ["a < b", "c"]
    assert [line.get("stroke-dasharray") for line in root.findall(f"{SVG}path")] == [None, "6 2"]
    assert all(float(text.get("y", 0)) > 100 for text in root.findall(f"{SVG}text"))
    assert root.get("width") == "800pt"
    assert float(root.get("height", "").removesuffix("pt")) > 116


def test_without_a_legend_the_panels_fill_it() -> None:
    root = drawn(1)
    assert (root.get("width"), root.get("height")) == ("400pt", "50pt")


@pytest.mark.parametrize(("panels", "columns"), [(2, 2), (3, 3), (4, 4), (5, 3), (6, 3), (7, 4), (9, 3), (10, 4)])
def test_rows_of_at_most_four_panels_are_equally_long(panels: int, columns: int) -> None:
    usual = PANEL.svg.replace("400", f"{72 * WIDTH:g}")
    root = ElementTree.fromstring(plate(Figure("lines", "Lines", "", (Panel(usual, "a line"),) * panels)))
    assert root.get("width") == f"{columns * 72 * WIDTH:g}pt"


def test_a_key_with_a_sign_has_no_line() -> None:
    root = drawn(1, Key("× < b", "#ff0000", -1))
    (text,) = root.findall(f"{SVG}text")
    (sign,) = text
    assert (sign.text, sign.get("fill"), sign.tail) == ("×", "#ff0000", " < b")
    assert root.findall(f"{SVG}path") == []
