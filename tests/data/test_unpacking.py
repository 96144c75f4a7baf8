"""Archives are unpacked into the target, and nothing of a dangerous or damaged one leaves it."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dmlcore.data.unpacking import ArchiveError, is_packed, read_through, unpack


def tar(path: Path, *members: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size) if member.isreg() else None)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 3) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return info


def zipped(path: Path, *names: str, content: bytes = b"xxx", mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def refused(file: Path, target: Path, unpacked: int = 10**6) -> str:
    """Why an archive is refused; nothing is next to the target afterwards."""
    target.mkdir()
    before = set(target.parent.iterdir())
    with pytest.raises(ArchiveError) as caught:
        unpack(file, target, unpacked)
    assert set(target.parent.iterdir()) == before
    return str(caught.value)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_of_any_compression(tmp_path: Path, mode: str) -> None:
    members = [member("a", tarfile.DIRTYPE), member("a/b.txt"), member("a/c.txt", tarfile.LNKTYPE, "a/b.txt")]
    file = tar(tmp_path / "archive", *members, mode=mode)
    assert is_packed(file)
    unpack(file, tmp_path / "target", None)
    assert files(tmp_path / "target") == {"a/b.txt": b"xxx", "a/c.txt": b"xxx"}


def test_a_zip(tmp_path: Path) -> None:
    file = zipped(tmp_path / "archive", "a/", "a/b.txt", "c d/é.txt")
    assert is_packed(file)
    unpack(file, tmp_path / "target", None)
    assert files(tmp_path / "target") == {"a/b.txt": b"xxx", "c d/é.txt": b"xxx"}


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", "x").read_bytes()
    info = member("inner.zip", size=len(inner))
    with tarfile.open(tmp_path / "outer.tar", "w") as archive:
        archive.addfile(info, io.BytesIO(inner))
    unpack(tmp_path / "outer.tar", tmp_path / "target", None)
    assert files(tmp_path / "target") == {"inner.zip": inner}


OUT = "a path that leads out of the folder"


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "C:/out.txt", "..\\out.txt"])
@pytest.mark.parametrize("make", [lambda path, name: tar(path, member(name)), zipped])
def test_paths_that_lead_out_are_refused(tmp_path: Path, make: Callable[[Path, str], Path], name: str) -> None:
    file = make(tmp_path / "bad", name)
    assert f"{OUT}: {name!r}" in refused(file, tmp_path / "target")


@pytest.mark.parametrize(
    ("kind", "link", "what"),
    [
        (tarfile.SYMTYPE, "../../out", "a symbolic link or a device"),
        (tarfile.SYMTYPE, "/etc/passwd", "a symbolic link or a device"),
        (tarfile.SYMTYPE, "inside.txt", "a symbolic link or a device"),
        (tarfile.LNKTYPE, "../out", "a hard link to a file outside the archive"),
        (tarfile.LNKTYPE, "/etc/passwd", "a hard link to a file outside the archive"),
        (tarfile.CHRTYPE, "", "a symbolic link or a device"),
        (tarfile.FIFOTYPE, "", "a symbolic link or a device"),
    ],
)
def test_links_out_and_devices_are_refused(tmp_path: Path, kind: bytes, link: str, what: str) -> None:
    (tmp_path / "out").write_text("mine")
    file = tar(tmp_path / "bad.tgz", member("inside.txt"), member("bad", kind, link))
    assert f"{what}: 'bad'" in refused(file, tmp_path / "target")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("mode", [0o120777, 0o020644])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    file = zipped(tmp_path / "bad.zip", "link", content=b"/etc/passwd", mode=mode)
    assert "a symbolic link or a device: 'link'" in refused(file, tmp_path / "target")


@pytest.mark.parametrize("packed", ["zip", "tar"])
def test_a_bomb_is_stopped_at_what_was_declared(tmp_path: Path, packed: str) -> None:
    if packed == "zip":
        file = zipped(tmp_path / "bomb", "a", "b", content=bytes(600_000))
    else:
        file = tar(tmp_path / "bomb", member("a", size=600_000), member("b", size=600_000))
    why = refused(file, tmp_path / "target", unpacked=1_000_000)
    assert why.startswith("bomb is refused: ")
    assert "1 MB" in why
    assert [path.stat().st_size for path in (tmp_path / "target").iterdir()] == [600_000]
    with pytest.raises(ArchiveError, match="takes more than"):
        unpack(file, tmp_path / "other", None)  # more than ten times the archive


def test_a_zip_whose_sizes_lie_is_damaged(tmp_path: Path) -> None:
    file = zipped(tmp_path / "bomb.zip", "a", content=bytes(600_000))
    content = file.read_bytes().replace((600_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    file.write_bytes(content)
    assert refused(file, tmp_path / "target") == "bomb.zip is damaged: Bad CRC-32 for file 'a'"
    assert (tmp_path / "target/a").stat().st_size <= 10


@pytest.mark.parametrize("keep", [5, 100, 0.5, 0.9])
@pytest.mark.parametrize("packed", ["zip", "tar"])
def test_a_truncated_archive_is_damaged(tmp_path: Path, packed: str, keep: float) -> None:
    whole = tmp_path / "whole"
    if packed == "zip":
        zipped(whole, *(f"{i}.txt" for i in range(50)))
    else:
        tar(whole, *(member(f"{i}.txt", size=i * 100) for i in range(50)))
    content = whole.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(content[: int(keep if keep > 1 else keep * len(content))])
    assert refused(cut, tmp_path / "target").startswith(("cut is damaged: ", "cut is not an archive"))
    with pytest.raises(ArchiveError):
        read_through(cut, 10**6)


def test_spoilt_bytes_are_found_without_unpacking(tmp_path: Path) -> None:
    file = tmp_path / "spoilt.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", b"hello")
    read_through(file, None)
    file.write_bytes(file.read_bytes().replace(b"hello", b"hallo"))
    with pytest.raises(ArchiveError) as caught:
        read_through(file, None)
    assert str(caught.value) == "spoilt.zip is damaged: Bad CRC-32 for file 'a.txt'"


def test_a_file_in_the_place_of_a_folder_is_damage(tmp_path: Path) -> None:
    file = zipped(tmp_path / "odd.zip", "a", "a/b")
    assert refused(file, tmp_path / "target").startswith(f"odd.zip is damaged: {tmp_path / 'target/a'}")


def test_what_is_no_archive(tmp_path: Path) -> None:
    file = tmp_path / "page.zip"
    file.write_text("<html>")
    assert not is_packed(file)
    assert refused(file, tmp_path / "target").startswith("page.zip is not an archive")
