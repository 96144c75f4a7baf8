"""One file from one address: resumed where it broke off, checked, and under its own name only when it is whole.

Written on urllib, since what recommends itself for this, pooch, throws a broken download away and starts anew.
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
"""HTTP states that may pass."""


class DownloadError(Exception):
    """Why an address gave no usable file, in words."""


class _PassingError(DownloadError):
    """What another try may overcome."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _PastTheEndError(_PassingError):
    """The file is shorter than the byte that was asked for, or as long; `total` is its length, where it is said."""

    def __init__(self, reason: str, total: int | None) -> None:
        super().__init__(reason)
        self.total = total


@frozen
class _Answer:
    """What a server sends: the file from byte `start` on."""

    response: Any
    start: int
    total: int | None
    """Bytes of the whole file."""
    validator: str | None
    """Tells this version of the file from others at the same address."""


@frozen
class _Part:
    """The beginning of a file, and where it came from."""

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

    def told(self) -> dict[str, Any]:
        """url, validator and total, as far as they are known."""
        try:
            facts = json.loads(self.facts.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def start(self, url: str, answer: _Answer) -> None:
        """Notes where the bytes come from; drops those before unless the answer goes on from them."""
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
    """The file at `url`, in `folder`. What comes before an error stays there as `<file>.part`, to go on from.

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
    raise AssertionError("the last try returned or raised")


def begun_at(archive: Archive, folder: Path) -> str | None:
    """The address that a broken download in `folder` came from: the first to ask for the rest."""
    return _Part(folder / archive.file).told().get("url")


def checksum_problem(archive: Archive, file: Path) -> str:
    """What is wrong with a file's checksum, in words; empty where it is right, or none is known."""
    if archive.checksum is None:
        return ""
    algorithm, _, expected = archive.checksum.partition(":")
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    return "" if found == expected else f"its {algorithm} is {found}, expected is {expected}"


def _check(archive: Archive, part: _Part, resumed: bool) -> None:
    """Drops a file that is not what it should be; one put together from two tries is worth another."""
    problem = checksum_problem(archive, part.path)
    if not problem and archive.checksum is None and archive.is_packed:
        try:
            read_through(part.path, archive.unpacked)
        except ArchiveError as error:
            problem = str(error).replace(part.path.name, archive.file)
    if problem:
        part.drop()
        raise _PassingError(f"{problem}, after it was resumed") if resumed else DownloadError(problem)


def _receive(archive: Archive, url: str, part: _Part) -> bool:
    """Brings what is missing of the file; True where bytes of an earlier try are part of it."""
    offset = _resume_from(archive, url, part)
    told = part.told()
    if offset and offset == told.get("total"):
        return True
    headers = {"User-Agent": "dmlcore"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if told.get("url") == url and told.get("validator"):
            headers["If-Range"] = told["validator"]
    try:
        response = _ask(url, headers)
    except _PastTheEndError as error:
        if error.total == offset:
            return True
        part.drop()
        raise _PassingError(f"{error}; starting anew") from None
    with response:
        answer = _answer(response, archive.size)
        if answer.start and (answer.start, answer.total) != (offset, told.get("total") or answer.total):
            part.drop()
            raise _PassingError("the server went on with something else than was asked for; starting anew")
        _keep(archive, url, answer, part)
    return answer.start > 0


def _resume_from(archive: Archive, url: str, part: _Part) -> int:
    """The byte to go on from. Without a checksum only the same version at the same address is gone on with."""
    told = part.told()
    same = told.get("url") == url and told.get("validator")
    return part.size if told and (archive.checksum or same) else 0


def _keep(archive: Archive, url: str, answer: _Answer, part: _Part) -> None:
    """Writes what the server sends, unless its beginning shows that it is not the file."""
    chunks = _chunks(answer)
    first = next(chunks, b"")
    if answer.start == 0:
        _refuse_page(answer.response.headers, first)
    if archive.size and answer.total not in (None, archive.size):
        raise DownloadError(f"the server's file has {answer.total:,} bytes, expected are {archive.size:,}")
    whole = answer.total or 0
    files = (archive.unpacked or whole) if archive.is_packed else 0
    require_space(part.path.parent, whole - answer.start + files, f"{archive.file} with its files")
    part.start(url, answer)
    with part.path.open("ab") as file, work(archive.file, whole, "byte", done=answer.start):
        for chunk in chain([first], chunks):
            file.write(chunk)
            report_progress(file.tell())


def _ask(url: str, headers: dict[str, str]) -> Any:
    """The server's answer, its body unread."""
    host = urlsplit(url).hostname
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            raise _http_problem(error) from None
    except urllib.error.URLError as error:
        raise _connection_problem(error.reason, host) from None
    except (ValueError, http.client.InvalidURL) as error:
        raise DownloadError(f"no address that can be asked: {error}") from None
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
        return DownloadError(f"no computer named {host} was found: no network, or it is gone ({reason.strerror})")
    if isinstance(reason, TimeoutError):
        return _PassingError(f"no answer within {TIMEOUT_S:g} s")
    if isinstance(reason, ConnectionRefusedError | ssl.SSLCertVerificationError):
        return DownloadError(str(reason.strerror or reason))
    return _PassingError(f"no connection: {reason}")


def _answer(response: Any, size: int | None) -> _Answer:
    """size: that of the file, as far as it is known; some servers say nothing of it."""
    headers = response.headers
    length = headers.get("Content-Length", "")
    start, total = 0, int(length) if length.isdecimal() else size
    if response.status == http.client.PARTIAL_CONTENT:
        part = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        if part is None:
            raise DownloadError("the server sent a part of the file without saying which")
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
    """An error page, a login page or a licence to click on often comes in the place of an archive, as if all were well.

    Raises DownloadError.
    """
    if beginning[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")) or (
        headers.get_content_type() == "text/html"
    ):
        title = re.search(rb"<title[^>]*>\s*([^<]{1,80})", beginning[:4096], re.IGNORECASE)
        named = f" titled {title[1].decode('utf-8', 'replace').strip()!r}" if title else ""
        raise DownloadError(f"the server sent a web page{named} instead of the file")
