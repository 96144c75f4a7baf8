"""One file from one address: resumed after an interruption, checked, and renamed only when it is complete.

Built on urllib, since the obvious library, pooch, discards an interrupted download and starts again.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from dmlcore.api.progress import note, report_progress, work
from dmlcore.api.sources import Archive
from dmlcore.data.space import require_space
from dmlcore.data.unpacking import ArchiveError, read_through

TRIES = 4
TIMEOUT_S = 30.0
LONGEST_WAIT_S = 30.0
CHUNK = 1 << 18
BUSY = (408, 425, 429, 500, 502, 503, 504)
"""HTTP status codes that are temporary."""


class DownloadError(Exception):
    """Why an address gave no usable file."""


class _PassingError(DownloadError):
    """A failure that may not happen again."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _PastTheEndError(_PassingError):
    """The file ends before the requested byte; `total` is its length, where the server gives it."""

    def __init__(self, reason: str, total: int | None) -> None:
        super().__init__(reason)
        self.total = total


@frozen
class _Answer:
    """A server's response: the file from byte `start` on."""

    response: Any
    start: int
    total: int | None
    """Bytes of the whole file."""
    validator: str | None
    """Identifies this version of the file among others at the same address."""


@frozen
class _Part:
    """The beginning of a file, and where it comes from."""

    final: Path

    @property
    def path(self) -> Path:
        return self.final.with_name(f"{self.final.name}.part")

    @property
    def facts(self) -> Path:
        return self.final.with_name(f"{self.final.name}.part.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() else 0

    def origin(self) -> dict[str, Any]:
        """url, validator and total, where they are known."""
        try:
            facts = json.loads(self.facts.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def start(self, url: str, answer: _Answer) -> None:
        """Record where the bytes come from; drop earlier ones unless the response continues them."""
        if answer.start == 0:
            self.path.write_bytes(b"")
        facts = {"url": url, "validator": answer.validator, "total": answer.total}
        self.facts.write_text(json.dumps(facts), encoding="utf-8")

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.facts.unlink(missing_ok=True)

    def finish(self) -> None:
        self.path.replace(self.final)
        self.facts.unlink(missing_ok=True)


def download(archive: Archive, url: str, folder: Path) -> Path:
    """Download the file at `url` to `folder`. After an error, `<file>.part` stays there to resume from.

    Raises DownloadError, and DataError where the disk is too small.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = _Part(folder / archive.file)
    for attempt in range(1, TRIES + 1):
        try:
            resumed = _receive(archive, url, part)
            _check(archive, part, resumed)
        except _PassingError as error:
            if attempt == TRIES:
                raise DownloadError(f"{error} ({TRIES} tries)") from None
            wait_s = 2.0 ** (attempt - 1) if error.wait_s is None else error.wait_s
            note(f"  {url}: {error}; trying again in {wait_s:g} s")
            time.sleep(wait_s)
        else:
            part.finish()
            return part.final
    raise AssertionError("the last try returns or raises")


def resumed_from(archive: Archive, folder: Path) -> str | None:
    """The address of an interrupted download in `folder`: the first to try again."""
    return _Part(folder / archive.file).origin().get("url")


def checksum_problem(archive: Archive, file: Path) -> str:
    """Why a file's checksum is wrong; empty where it is right, or none is known."""
    if archive.checksum is None:
        return ""
    algorithm, _, expected = archive.checksum.partition(":")
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    return "" if found == expected else f"expected {algorithm} {expected}, got {found}"


def _check(archive: Archive, part: _Part, resumed: bool) -> None:
    """Drop a wrong file; one put together from two tries is worth another try."""
    problem = checksum_problem(archive, part.path)
    if not problem and archive.checksum is None and archive.is_packed:
        try:
            read_through(part.path, archive.unpacked)
        except ArchiveError as error:
            problem = str(error).replace(part.path.name, archive.file)
    if problem:
        part.drop()
        raise _PassingError(f"{problem}, after a resumed download") if resumed else DownloadError(problem)


def _receive(archive: Archive, url: str, part: _Part) -> bool:
    """Download the rest of the file. Return True where bytes of an earlier try are part of it."""
    origin = part.origin()
    validator = origin.get("validator") if origin.get("url") == url else None
    # without a checksum, only the same version at the same address is resumed
    offset = part.size if origin and (archive.checksum or validator) else 0
    if offset and offset == origin.get("total"):
        return True
    headers = {"User-Agent": "dmlcore"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator:
            headers["If-Range"] = validator
    try:
        response = _ask(url, headers)
    except _PastTheEndError as error:
        if error.total == offset:
            return True
        part.drop()
        raise _PassingError(f"{error}; starting again") from None
    with response:
        answer = _answer(response, archive.size)
        if answer.start and (answer.start, answer.total) != (offset, origin.get("total") or answer.total):
            part.drop()
            raise _PassingError("the server did not continue where the download stopped; starting again")
        _keep(archive, url, answer, part)
    return answer.start > 0


def _keep(archive: Archive, url: str, answer: _Answer, part: _Part) -> None:
    """Write what the server sends, unless its beginning shows that it is not the file."""
    chunks = _chunks(answer)
    first = next(chunks, b"")
    if answer.start == 0:
        _refuse_page(answer.response.headers, first)
    if archive.size and answer.total not in (None, archive.size):
        raise DownloadError(f"expected a file of {archive.size:,} bytes, got {answer.total:,}")
    whole = answer.total or 0
    files = (archive.unpacked or whole) if archive.is_packed else 0
    require_space(part.path.parent, whole - answer.start + files, f"{archive.file}, with the unpacked files,")
    part.start(url, answer)
    with part.path.open("ab") as file, work(archive.file, whole, "byte", done=answer.start):
        for chunk in chain([first], chunks):
            file.write(chunk)
            report_progress(file.tell())


def _ask(url: str, headers: dict[str, str]) -> Any:
    """The server's response, its body unread."""
    host = urlsplit(url).hostname
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            raise _http_problem(error) from None
    except urllib.error.URLError as error:
        raise _connection_problem(error.reason, host) from None
    except (ValueError, http.client.InvalidURL) as error:
        raise DownloadError(f"not a valid address: {error}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _connection_problem(error, host) from None


def _http_problem(error: urllib.error.HTTPError) -> DownloadError:
    text = f"HTTP {error.code} {error.reason}".rstrip()
    if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
        total = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
        return _PastTheEndError(text, int(total[1]) if total else None)
    if error.code in BUSY:
        asked = error.headers.get("Retry-After", "")
        return _PassingError(text, min(float(asked), LONGEST_WAIT_S) if asked.isdecimal() else None)
    return DownloadError(text)


def _connection_problem(reason: object, host: str | None) -> DownloadError:
    if isinstance(reason, socket.gaierror):
        return DownloadError(f"the host {host} was not found: no network, or it no longer exists ({reason.strerror})")
    if isinstance(reason, TimeoutError):
        return _PassingError(f"no response within {TIMEOUT_S:g} s")
    if isinstance(reason, ConnectionRefusedError | ssl.SSLCertVerificationError):
        return DownloadError(str(reason.strerror or reason))
    return _PassingError(f"no connection: {reason}")


def _answer(response: Any, size: int | None) -> _Answer:
    """size: that of the file, where it is known; some servers do not send it."""
    headers = response.headers
    length = headers.get("Content-Length", "")
    start, total = 0, int(length) if length.isdecimal() else size
    if response.status == http.client.PARTIAL_CONTENT:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        if part is None:
            raise DownloadError("the server sent a part of the file without its position")
        start, total = int(part[1]), int(part[2]) if part[2] != "*" else size
    tag = headers.get("ETag", "")
    return _Answer(response, start, total, tag if tag.startswith('"') else headers.get("Last-Modified"))


def _chunks(answer: _Answer) -> Iterator[bytes]:
    at = answer.start
    whole = f" of {answer.total:,}" if answer.total is not None else ""
    while True:
        try:
            chunk = answer.response.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _PassingError(f"the connection broke at byte {at:,}{whole} ({error})") from None
        if not chunk:
            break
        at += len(chunk)
        yield chunk
    if answer.total is not None and at < answer.total:
        raise _PassingError(f"the connection ended at byte {at:,}{whole}")


def _refuse_page(headers: Message, beginning: bytes) -> None:
    """Raises DownloadError for an error page, a login page or a license form in place of the file."""
    if beginning[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")) or (
        headers.get_content_type() == "text/html"
    ):
        title = re.search(rb"<title[^>]*>\s*([^<]{1,80})", beginning[:4096], re.IGNORECASE)
        named = f" titled {title[1].decode('utf-8', 'replace').strip()!r}" if title else ""
        raise DownloadError(f"the server sent a web page{named} instead of the file")
