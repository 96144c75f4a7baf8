"""Panels put together."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from dmlcore.api.blocks import Figure, Key, Panel
from dmlcore.handin.plates import plate

PANEL = Panel('<svg width="100pt" height="50pt" viewBox="0 0 100 50"><path d="M0 0"/></svg>', "a line")
SVG = "{http://www.w3.org/2000/svg}"


def drawn(panels: int, *legend: Key) -> ElementTree.Element:
    return ElementTree.fromstring(plate(Figure("lines", "Lines", "", (PANEL,) * panels, legend)))


def test_panels_stand_in_rows_and_the_legend_below() -> None:
    root = drawn(4, Key("a < b", "#ff0000"), Key("c", "#00ff00", 1))
    panels = root.findall(f"{SVG}svg")
    assert [(panel.get("x"), panel.get("y")) for panel in panels] == [
        ("0", "0"),
        ("100", "0"),
        ("0", "50"),
        ("100", "50"),
    ]
    assert {(panel.get("width"), panel.get("height"), panel.get("viewBox")) for panel in panels} == {
        ("100", "50", "0 0 100 50")
    }
    assert [text.text for text in root.findall(f"{SVG}text")] == ["a < b", "c"]
    assert [line.get("stroke-dasharray") for line in root.findall(f"{SVG}path")] == [None, "6 2"]
    assert all(float(text.get("y", 0)) > 100 for text in root.findall(f"{SVG}text"))
    assert root.get("width") == "200pt"
    assert float(root.get("height", "").removesuffix("pt")) > 116


def test_without_a_legend_the_panels_fill_it() -> None:
    root = drawn(1)
    assert (root.get("width"), root.get("height")) == ("100pt", "50pt")


@pytest.mark.parametrize(("panels", "width"), [(2, "200pt"), (3, "300pt"), (4, "200pt"), (10, "300pt")])
def test_rows_have_three_panels_but_two_for_two_and_four(panels: int, width: str) -> None:
    assert drawn(panels).get("width") == width
