"""A headless Chromium, driven through chromedriver's own protocol: nothing but the standard library."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen


@frozen
class Browser:
    """One window."""

    address: str

    def send(self, path: str, **values: Any) -> Any:
        """One command of the WebDriver protocol."""
        request = urllib.request.Request(
            f"{self.address}/{path}", json.dumps(values).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def devtools(self, command: str, **values: Any) -> Any:
        """One command of the DevTools protocol."""
        return self.send("goog/cdp/execute", cmd=command, params=values)

    def resize(self, width: int, height: int) -> None:
        """The size of the page, below what a window can be made to."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def dark(self, dark: bool) -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def open(self, path: Path) -> None:
        self.send("url", url=path.as_uri())

    def run(self, script: str, *values: Any) -> Any:
        """What a function body of JavaScript returns."""
        return self.send("execute/sync", script=script, args=values)

    def point(self, x: float, y: float) -> None:
        """Moves the mouse there."""
        self.devtools("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def key(self, name: str) -> None:
        """Presses a key such as ArrowLeft."""
        for kind in ("keyDown", "keyUp"):
            self.devtools("Input.dispatchKeyEvent", type=kind, key=name, code=name)

    def console(self) -> list[str]:
        """What the console holds since the last call, refusals of the page's own policy among it."""
        return [entry["message"] for entry in self.send("se/log", type="browser")]

    def requests(self) -> list[str]:
        """Every address asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.send("se/log", type="performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path: Path, whole: bool = False) -> None:
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser for as long as it is used."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    opened = None
    try:
        opened = _session(Browser(f"http://127.0.0.1:{port}"))
        yield opened
    finally:
        if opened is not None:
            urllib.request.urlopen(urllib.request.Request(opened.address, method="DELETE"), timeout=30).close()
        driver.terminate()
        driver.wait(30)


def _session(driver: Browser) -> Browser:
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    capabilities = {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }
    for _ in range(100):
        try:
            made = driver.send("session", capabilities={"alwaysMatch": capabilities})
        except urllib.error.URLError as error:
            if isinstance(error, urllib.error.HTTPError):
                raise
            time.sleep(0.1)
        else:
            return Browser(f"{driver.address}/session/{made['sessionId']}")
    raise TimeoutError("chromedriver does not answer")
