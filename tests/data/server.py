"""A web server on this machine, with the faults that servers have."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from attrs import define, field


@define
class Fault:
    """What goes wrong with one answer."""

    status: int = 200
    send: int | None = None
    """Bytes of the body that are sent before the connection ends."""
    claim: int | None = None
    """Content-Length that is said in the place of the true one; below 0: none is said."""
    retry_after: str = ""


@define
class Site:
    """Files by path, and what goes wrong with the answers about each, one after the other."""

    files: dict[str, bytes] = field(factory=dict)
    faults: dict[str, list[Fault]] = field(factory=dict)
    ranges: bool = True
    """Whether parts of files are sent where they are asked for."""
    etag: str = '"1"'
    content_type: str = "application/octet-stream"
    asked: list[tuple[str, str | None]] = field(factory=list)
    """(path, Range header) of each request."""
    address: str = ""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


@contextmanager
def serving() -> Iterator[Site]:
    """A site, until the block ends."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, site)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def _answer(request: BaseHTTPRequestHandler, site: Site) -> None:
    name = request.path.lstrip("/")
    asked = request.headers.get("Range")
    site.asked.append((name, asked))
    faults = site.faults.get(name)
    fault = faults.pop(0) if faults else Fault()
    content = site.files.get(name)
    status = 404 if content is None else fault.status
    if content is None or status != 200:
        content, body, start = b"", b"<html><title>Sorry</title>", 0
    else:
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and site.ranges else 0  # type: ignore[index]
        if request.headers.get("If-Range", site.etag) != site.etag:
            start = 0
        status = 200 if start == 0 else 206 if start < len(content) else 416
        body = content[start:] if status != 416 else b""
    request.send_response(status)
    request.send_header("Content-Type", site.content_type)
    if fault.claim is None or fault.claim >= 0:
        request.send_header("Content-Length", str(len(body) if fault.claim is None else fault.claim))
    if site.etag:
        request.send_header("ETag", site.etag)
    if status == 206:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if status == 416:
        request.send_header("Content-Range", f"bytes */{len(content)}")
    if fault.retry_after:
        request.send_header("Retry-After", fault.retry_after)
    request.end_headers()
    request.wfile.write(body if fault.send is None else body[: fault.send])
