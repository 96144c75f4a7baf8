"""Panels put together."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from dmlcore.handin.plates import Key, plate

PANEL = (
    '<?xml version="1.0"?>\n<svg width="100pt" height="50pt" viewBox="0 0 100 50" version="1.1"><path d="M0 0"/></svg>'
)
SVG = "{http://www.w3.org/2000/svg}"


def test_panels_stand_in_rows_and_the_legend_below() -> None:
    root = ElementTree.fromstring(plate([PANEL] * 3, [Key("a < b", "#ff0000"), Key("c", "#00ff00", (6, 2))]))
    panels = root.findall(f"{SVG}svg")
    assert [(panel.get("x"), panel.get("y")) for panel in panels] == [("0", "0"), ("100", "0"), ("0", "50")]
    assert {(panel.get("width"), panel.get("height"), panel.get("viewBox")) for panel in panels} == {
        ("100", "50", "0 0 100 50")
    }
    assert [text.text for text in root.findall(f"{SVG}text")] == ["a < b", "c"]
    assert all(float(text.get("y", 0)) > 100 for text in root.findall(f"{SVG}text"))
    assert root.get("width") == "200pt"
    assert float(root.get("height", "").removesuffix("pt")) > 116


def test_without_a_legend_the_panels_fill_it() -> None:
    root = ElementTree.fromstring(plate([PANEL], []))
    assert (root.get("width"), root.get("height")) == ("100pt", "50pt")
