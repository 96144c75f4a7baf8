"""The zip as bytes."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from dmlcore.errors import StorageError
from dmlcore.handin.packing import checked, pack

PDF = b"%PDF-1.7\n1 0 obj << /Type /Pages /Count 2 >>\n<< /Type /Page >> << /Type/Page >>"


def test_the_same_files_give_the_same_zip(tmp_path: Path) -> None:
    zips = []
    for number, names in enumerate((["b.txt", "a/c.txt"], ["a/c.txt", "b.txt"])):
        folder = tmp_path / str(number)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
            os.utime(folder / name, (number * 10**9, number * 10**9))
        (folder / "b.txt").chmod(0o600 if number else 0o644)
        path = tmp_path / "out" / f"{number}.zip"
        assert pack(folder, path) == {"a/c.txt": 0, "b.txt": 0}
        zips.append(path.read_bytes())
    assert zips[0] == zips[1]


def zipped(path: Path, files: Sequence[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def test_the_pages_of_pdfs_are_counted(tmp_path: Path) -> None:
    files = [("report.pdf", PDF), ("notebooks/a.pdf", PDF), ("README.txt", PDF)]
    assert checked(zipped(tmp_path / "a.zip", files)) == {"report.pdf": 2, "notebooks/a.pdf": 2, "README.txt": 0}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ([("a.txt", b""), ("a.txt", b"")], "'a.txt' is there 2 times"),
        ([("figures/A.svg", b""), ("figures/a.svg", b"")], "'figures/a.svg' is there 2 times"),
        ([("/etc/a", b"")], "'/etc/a' can't be unpacked"),
        ([("../a", b"")], "'../a' can't be unpacked"),
        ([("a\\..\\..\\b", b"")], "can't be unpacked"),
        ([("C:/a", b"")], "'C:/a' can't be unpacked"),
        ([("a.pdf", b"%PDF-1.7 << /Type /Pages >>")], "a.pdf is no PDF with pages"),
        ([("a.pdf", b"<html>" + PDF)], "a.pdf is no PDF with pages"),
    ],
)
def test_a_zip_that_is_not_to_be_handed_in_is_refused(
    files: Sequence[tuple[str, bytes]], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(StorageError) as error:
        checked(zipped(tmp_path / "a.zip", files))
    assert str(error.value).startswith(f"{tmp_path / 'a.zip'}: the zip is not as it was packed: ")
    assert problem in str(error.value)


def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", [("a.txt", b"words " * 20)])
    path.write_bytes(path.read_bytes().replace(b"words words", b"words wards", 1))
    with pytest.raises(StorageError, match=r"a\.txt is damaged"):
        checked(path)


def test_a_zip_that_is_refused_does_not_replace_another(tmp_path: Path) -> None:
    folder, path = tmp_path / "files", tmp_path / "a.zip"
    folder.mkdir()
    (folder / "a.pdf").write_bytes(b"")
    path.write_text("the one before")
    with pytest.raises(StorageError):
        pack(folder, path)
    assert path.read_text() == "the one before"
