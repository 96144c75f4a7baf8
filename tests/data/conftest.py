"""What the tests of fetching, importing and checking share."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.server import Site, serving
from dmlcore.api.progress import Display, shown_on


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server on this machine."""
    with serving() as site:
        yield site


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines that work shows."""
    noted: list[str] = []
    display = Display()
    monkeypatch.setattr(display, "note", noted.append)
    with shown_on(display):
        yield noted


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for; no time passes."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.fixture(autouse=True)
def _no_proxy_and_no_data_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "DMLCORE_DATA", "DMLCORE_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
