"""A file arrives whole and checked, or not at all, whatever the server does."""

from __future__ import annotations

import hashlib
import io
import shutil
import socket
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from data.server import Fault, Site
from dmlcore import Archive, DataError
from dmlcore.data.downloading import DownloadError, download

CONTENT = bytes(range(256)) * 5000  # 1.28 MB: several chunks
OTHER = CONTENT[:-1] + b"?"


def archive(content: bytes = CONTENT, *, checksum: bool = True, size: int | None = None) -> Archive:
    digest = f"md5:{hashlib.md5(content).hexdigest()}" if checksum else None
    return Archive("file.bin", checksum=digest, size=size)


def refused(wanted: Archive, url: str, folder: Path) -> str:
    """Why a download fails, which leaves no file under its own name."""
    with pytest.raises(DownloadError) as caught:
        download(wanted, url, folder)
    assert not (folder / wanted.file).exists()
    return str(caught.value)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_file_arrives(site: Site, tmp_path: Path) -> None:
    site.files["file.bin"] = CONTENT
    file = download(archive(size=len(CONTENT)), site.url("file.bin"), tmp_path / "new")
    assert file == tmp_path / "new" / "file.bin"
    assert file.read_bytes() == CONTENT
    assert [path.name for path in file.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("checksum", [True, False])
def test_what_broke_off_is_resumed(site: Site, tmp_path: Path, waits: list[float], checksum: bool) -> None:
    site.files["file.bin"] = CONTENT
    site.faults["file.bin"] = [Fault(send=300_000), Fault(send=500_000)]
    assert download(archive(checksum=checksum), site.url("file.bin"), tmp_path).read_bytes() == CONTENT
    assert site.asked == [("file.bin", None), ("file.bin", "bytes=300000-"), ("file.bin", "bytes=800000-")]
    assert waits == [1, 2]


def test_a_later_command_goes_on_and_so_does_another_mirror(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files = {"a/file.bin": CONTENT, "b/file.bin": CONTENT}
    site.faults["a/file.bin"] = [Fault(send=400_000), *(Fault(send=0) for _ in range(3))]
    why = refused(archive(), site.url("a/file.bin"), tmp_path)
    assert why == "the connection ended at byte 400,000 of 1,280,000 (4 tries)"
    assert download(archive(), site.url("b/file.bin"), tmp_path).read_bytes() == CONTENT
    assert site.asked[-1] == ("b/file.bin", "bytes=400000-")


def test_without_a_checksum_another_mirror_or_version_starts_anew(
    site: Site, tmp_path: Path, waits: list[float]
) -> None:
    wanted = archive(checksum=False)
    site.files = {"a/file.bin": OTHER, "b/file.bin": OTHER}
    died = [Fault(send=400_000), *(Fault(send=0) for _ in range(3))]
    site.faults = {"a/file.bin": list(died), "b/file.bin": list(died)}
    refused(wanted, site.url("a/file.bin"), tmp_path)
    refused(wanted, site.url("b/file.bin"), tmp_path)
    assert site.asked[4] == ("b/file.bin", None)
    site.files["b/file.bin"], site.etag = CONTENT, '"2"'
    assert download(wanted, site.url("b/file.bin"), tmp_path).read_bytes() == CONTENT


def test_a_server_that_ignores_ranges_sends_all_again(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files["file.bin"], site.ranges = CONTENT, False
    site.faults["file.bin"] = [Fault(send=700_000)]
    assert download(archive(), site.url("file.bin"), tmp_path).read_bytes() == CONTENT
    assert site.asked[-1] == ("file.bin", "bytes=700000-")


def test_a_part_of_another_version_is_thrown_away_and_begun_anew(
    site: Site, tmp_path: Path, waits: list[float]
) -> None:
    site.etag = ""
    site.files["file.bin"] = b"x" * len(CONTENT)
    site.faults["file.bin"] = [Fault(send=300_000), *(Fault(send=0) for _ in range(3))]
    refused(archive(), site.url("file.bin"), tmp_path)
    site.files["file.bin"] = CONTENT
    assert download(archive(), site.url("file.bin"), tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in site.asked[-2:]] == ["bytes=300000-", None]


def test_a_part_longer_than_the_file_is_thrown_away(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files["file.bin"] = CONTENT * 2
    site.faults["file.bin"] = [Fault(send=2_000_000), *(Fault(send=0) for _ in range(3))]
    refused(archive(), site.url("file.bin"), tmp_path)
    site.files["file.bin"] = CONTENT
    assert download(archive(), site.url("file.bin"), tmp_path).read_bytes() == CONTENT


def test_a_length_announced_too_long_is_found_out_by_asking_on(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files["file.bin"] = CONTENT
    site.faults["file.bin"] = [Fault(claim=len(CONTENT) + 1000)]
    assert download(archive(), site.url("file.bin"), tmp_path).read_bytes() == CONTENT


def test_a_length_announced_too_short_is_seen_by_the_checksum(site: Site, tmp_path: Path) -> None:
    site.files["file.bin"] = CONTENT
    site.faults["file.bin"] = [Fault(claim=1000)]
    found = hashlib.md5(CONTENT[:1000]).hexdigest()
    expected = hashlib.md5(CONTENT).hexdigest()
    why = refused(archive(), site.url("file.bin"), tmp_path)
    assert why == f"expected md5 {expected}, got {found}"
    assert list(tmp_path.glob("file.bin*")) == []


def test_another_length_than_is_known_is_refused_before_it_is_loaded(site: Site, tmp_path: Path) -> None:
    site.files["file.bin"] = CONTENT
    why = refused(archive(size=5), site.url("file.bin"), tmp_path)
    assert "5 bytes" in why
    assert "1,280,000" in why
    assert list(tmp_path.glob("file.bin*")) == []


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_server_that_says_no_length(site: Site, tmp_path: Path, waits: list[float], size: int | None) -> None:
    site.files["file.bin"] = CONTENT
    site.faults["file.bin"] = [Fault(claim=-1)]
    assert download(archive(size=size), site.url("file.bin"), tmp_path / "whole").read_bytes() == CONTENT
    site.faults["file.bin"] = [Fault(claim=-1, send=400_000), Fault(claim=-1)]
    if size is None:  # the end of the connection is the end of the file, as far as the client can see
        assert refused(archive(), site.url("file.bin"), tmp_path).startswith("expected md5 ")
    else:
        assert download(archive(size=size), site.url("file.bin"), tmp_path).read_bytes() == CONTENT


def test_a_wrong_file_is_told_by_both_checksums(site: Site, tmp_path: Path) -> None:
    site.files["file.bin"] = OTHER
    found, expected = hashlib.md5(OTHER).hexdigest(), hashlib.md5(CONTENT).hexdigest()
    why = refused(archive(), site.url("file.bin"), tmp_path)
    assert why == f"expected md5 {expected}, got {found}"


def test_sha256_is_as_good(site: Site, tmp_path: Path) -> None:
    site.files["file.bin"] = CONTENT
    wanted = Archive("file.bin", checksum=f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")
    assert download(wanted, site.url("file.bin"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_no_archive(site: Site, tmp_path: Path, content_type: str) -> None:
    site.content_type = content_type
    site.files["file.bin"] = b"\n<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
    why = refused(archive(), site.url("file.bin"), tmp_path)
    assert why == "the server sent a web page titled 'Sign in' instead of the file"
    assert list(tmp_path.glob("file.bin*")) == []


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path, waits: list[float], notes: list[str]) -> None:
    site.files["file.bin"] = CONTENT
    site.faults["file.bin"] = [Fault(status=503), Fault(status=429, retry_after="7"), Fault(503, retry_after="9999")]
    assert download(archive(), site.url("file.bin"), tmp_path).read_bytes() == CONTENT
    assert waits == [1, 7, 30]
    assert site.url("file.bin") in notes[0]
    assert "HTTP 503 Service Unavailable" in notes[0]
    assert len(notes) == 3


def test_a_server_that_stays_busy_is_given_up(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files["file.bin"] = CONTENT
    site.faults["file.bin"] = [Fault(status=503)] * 4
    why = refused(archive(), site.url("file.bin"), tmp_path)
    assert why == "HTTP 503 Service Unavailable (4 tries)"
    assert waits == [1, 2, 4]


def test_what_is_not_there_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    assert refused(archive(), site.url("file.bin"), tmp_path) == "HTTP 404 Not Found"
    assert len(site.asked) == 1


def test_no_server_no_name_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert refused(archive(), f"http://127.0.0.1:{port}/x", tmp_path) == "Connection refused"
    assert refused(archive(), "nonsense", tmp_path).startswith("not a valid address: unknown url type")

    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    why = refused(archive(), "http://data.example.org/x", tmp_path)
    assert "data.example.org" in why
    assert "Name or service not known" in why
    assert waits == []


def test_a_silent_server_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setattr("dmlcore.data.downloading.TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        assert refused(archive(), url, tmp_path) == "no response within 0.05 s (4 tries)"


def test_a_zip_without_a_checksum_is_read_through(site: Site, tmp_path: Path) -> None:
    good = zipped(a=b"one" * 100, b=b"two" * 100)
    spoilt = good.replace(b"one", b"ono", 1)
    site.files = {"good": good, "spoilt": spoilt, "cut": good[:-30]}
    wanted = Archive("file.zip")
    why = refused(wanted, site.url("spoilt"), tmp_path)
    assert why == "file.zip is damaged: Bad CRC-32 for file 'a'"
    assert refused(wanted, site.url("cut"), tmp_path).startswith("file.zip is not an archive")
    assert download(wanted, site.url("good"), tmp_path).read_bytes() == good


def test_a_full_disk_is_told_before_anything_is_written(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["file.zip"] = CONTENT
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 2_000_000))
    with pytest.raises(DataError) as caught:
        download(Archive("file.zip", unpacked=3_000_000), site.url("file.zip"), tmp_path / "new")
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'new'}: file.zip")
    assert "4.28 MB" in said
    assert "2 MB are free" in said
    assert list((tmp_path / "new").iterdir()) == []
