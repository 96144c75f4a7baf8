"""The HTML report in a real browser: nothing is asked for, nothing goes wrong, the map answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dmlcore.report.render.writing import write_report
from report.render.browser import Browser, browser
from running import needs
from sample_results import drawn_material, letters

pytestmark = needs("chromium", "chromedriver")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    images = letters(12, 10)
    studies = [
        drawn_material(folder / "runs", images, name, dims=(16, 64), seeds=(0, 1), question=f"Is {name} <b>right</b>?")
        for name in ("first", "second")
    ]
    path = folder / "report.html"
    write_report(studies, [path])
    return path


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def page(window: Browser, report: Path) -> Browser:
    window.resize(1400, 1000)
    window.dark(False)
    window.open(report)
    window.run("for (const appendix of document.querySelectorAll('.appendix')) appendix.open = true")
    return window


def middle(page: Browser, point: int, figure: int = 0) -> tuple[float, float]:
    """Where a point of a map is in the window, scrolled to."""
    x, y = page.run(
        """const [point, figure] = arguments;
        const circle = document.querySelectorAll("figure.map")[figure].querySelectorAll("circle")[point];
        circle.scrollIntoView({block: "center", behavior: "instant"});
        const box = circle.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];""",
        point,
        figure,
    )
    return x, y


def shown(page: Browser, figure: int = 0) -> Any:
    """What the tip of a map shows: whether it is seen, the class, and the colors of its picture's place."""
    return page.run(
        """const tip = document.querySelectorAll("figure.map")[arguments[0]].querySelector(".tip");
        const picture = tip.querySelector(".picture");
        const box = picture.getBoundingClientRect();
        return {seen: tip.checkVisibility(), name: tip.querySelector("span").textContent, width: box.width,
                image: getComputedStyle(picture).backgroundImage.slice(0, 22),
                cell: picture.style.backgroundPosition};""",
        figure,
    )


def test_no_error_and_no_request(page: Browser, report: Path) -> None:
    page.console()
    page.requests()
    page.open(report)
    page.run("for (const details of document.querySelectorAll('details')) details.open = true")
    page.point(*middle(page, 5))
    page.run("scrollTo(0, document.body.scrollHeight)")
    assert page.console() == []
    assert [url for url in page.requests() if not url.startswith("data:")] == [report.as_uri()]


def test_a_request_would_be_refused(page: Browser) -> None:
    page.console()
    page.run("new Image().src = 'https://example.org/spy.png'; fetch('https://example.org/').catch(() => 0)")
    page.run(
        "const script = document.createElement('script'); script.text = 'window.ran = 1'; document.body.append(script)"
    )
    refused = "\n".join(page.console())
    assert "img-src data:" in refused
    assert "default-src 'none'" in refused
    assert page.run("return window.ran === undefined")


def test_pointing_at_a_point_shows_its_picture_and_class(page: Browser) -> None:
    assert not shown(page)["seen"]
    names, cells = page.run(
        """const data = JSON.parse(document.querySelector("figure.map script").textContent);
        return [data.labels.map((label) => data.classes[label]), data.cells];"""
    )
    assert len(names) == 120
    assert len(set(cells)) == 120
    found = set()
    for point in (0, 40, 119):
        page.point(*middle(page, point))
        tip = shown(page)
        assert tip["seen"]
        assert tip["width"] > 80
        assert tip["image"] == 'url("data:image/webp;b'
        here = page.run("return [...document.querySelectorAll('circle')].findIndex((c) => c.matches('.here'))")
        assert tip["name"] == names[here]
        across, down = (f"{float(part.rstrip('%')):g}%" for part in cells[here].split())
        assert tip["cell"] == f"{across} {down}"
        found.add(here)
    assert len(found) == 3
    page.point(2, 2)
    assert not shown(page)["seen"]


def test_the_sprite_is_decoded(page: Browser) -> None:
    size = page.run(
        """const picture = document.querySelector(".tip .picture");
        const address = getComputedStyle(picture).backgroundImage.slice(5, -2);
        const image = new Image(); image.src = address;
        return image.decode().then(() => [image.naturalWidth, image.naturalHeight]);"""
    )
    assert size == [11 * 48, 11 * 48]


def test_arrow_keys_go_from_point_to_point(page: Browser) -> None:
    page.run("document.querySelector('figure.map svg').focus()")
    seen = set()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
        page.key(key)
        assert shown(page)["seen"]
        seen.add(page.run("return [...document.querySelectorAll('circle')].findIndex((c) => c.matches('.here'))"))
    assert len(seen) >= 3
    page.key("Escape")
    assert not shown(page)["seen"]


def test_a_class_is_picked_out(page: Browser) -> None:
    page.run("document.querySelector('.classes').open = true; document.querySelector('.classes button').click()")
    assert page.run("return document.querySelectorAll('figure.map')[0].querySelectorAll('circle.same').length") == 10
    page.run("document.querySelector('.classes button').click()")
    assert not page.run("return document.querySelector('figure.map svg').matches('.lit')")


def test_each_study_has_its_own_map(page: Browser) -> None:
    page.point(*middle(page, 7, figure=1))
    assert not shown(page, 0)["seen"]
    assert shown(page, 1)["seen"]


def test_a_wide_table_keeps_its_names_while_it_scrolls(page: Browser) -> None:
    page.resize(390, 844)
    left, moved = page.run(
        """const scroll = [...document.querySelectorAll(".scroll")].find((box) => box.scrollWidth > box.clientWidth);
        scroll.scrollLeft = 80;
        const name = scroll.querySelector("tbody th").getBoundingClientRect();
        return [name.left - scroll.getBoundingClientRect().left, scroll.scrollLeft];"""
    )
    assert moved == 80
    assert abs(left) < 1


def test_a_link_to_the_appendix_opens_it(page: Browser) -> None:
    page.run("document.getElementById('a2').open = false")
    page.run("document.querySelector('nav a[href=\"#s2-map\"]').click()")
    assert page.run("return document.getElementById('s2-map').checkVisibility()")


@pytest.mark.parametrize("width", [390, 700, 1024, 1400])
def test_nothing_is_wider_than_the_window(page: Browser, width: int) -> None:
    page.resize(width, 844)
    page.run("for (const details of document.querySelectorAll('details')) details.open = true")
    assert page.run("return document.documentElement.scrollWidth") <= width
    outside = page.run(
        """return [...document.querySelectorAll("main *")].filter((element) => !element.closest(".scroll, .formula"))
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
        .map((element) => element.tagName + "." + element.className);"""
    )
    assert outside == []


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(page: Browser, dark: bool) -> None:
    page.dark(dark)
    weakest = page.run(
        """const light = (text) => {
          const [r, g, b] = text.match(/[\\d.]+/g).map((part) => part / 255)
            .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = light(getComputedStyle(document.body).backgroundColor);
        const ratio = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        const html = [...document.querySelectorAll("h1, h2, h3, p, td, th, figcaption, a, small, li")]
          .map((element) => ratio(light(getComputedStyle(element).color), ground));
        const drawn = [...document.querySelectorAll(".panel text")]
          .map((element) => ratio(light(getComputedStyle(element).fill), ground));
        return Math.min(...html, ...drawn);"""
    )
    assert weakest >= 4.5, "the contrast that WCAG 2 asks of text"
