"""A drive that fails for a moment is asked again; one that stays away is named."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from PIL import Image

from dmlcore import DataError, read_rgb
from dmlcore.api import drives


class Drive:
    """Files that fail a number of times."""

    def __init__(self, error: OSError, failures: int) -> None:
        self.error, self.failures = error, failures
        self.read = Path.read_bytes
        self.waits: list[float] = []

    def read_bytes(self, path: Path) -> bytes:
        if self.failures:
            self.failures -= 1
            raise self.error
        return self.read(path)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    return tmp_path / "a.png"


def plug(monkeypatch: pytest.MonkeyPatch, error: OSError, failures: int) -> Drive:
    drive = Drive(error, failures)
    monkeypatch.setattr(Path, "read_bytes", lambda path: drive.read_bytes(path))
    monkeypatch.setattr(drives.time, "sleep", drive.waits.append)
    return drive


@pytest.mark.parametrize("name", ["EIO", "ESTALE", "ETIMEDOUT", "ENETDOWN", "EHOSTDOWN", "ECONNRESET", "ENOTCONN"])
def test_an_error_of_the_drive_is_retried(image: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    code = getattr(errno, name)
    drive = plug(monkeypatch, OSError(code, os.strerror(code)), 2)
    assert read_rgb(image).getpixel((0, 0)) == (255, 0, 0)
    assert drive.waits == [0.5, 2.0]


def test_a_drive_that_stays_away_is_named(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = plug(monkeypatch, OSError(errno.EIO, "Input/output error"), 9)
    monkeypatch.setattr(os.path, "ismount", lambda folder: Path(folder) == image.parent.parent)
    with pytest.raises(DataError) as caught:
        read_rgb(image)
    assert str(caught.value) == (
        f"{image}: can't read the file: Input/output error, in 4 attempts over 7.5 seconds.\n"
        f"The drive at {image.parent.parent} may be disconnected or failing: check it. Then run the same command again;"
        " runs resume after their last finished epoch."
    )
    assert drive.waits == [0.5, 2.0, 5.0]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "no permission to read the file. Make it readable for your",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file"), "the image was removed after the data set was listed."),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), "can't read the file: Is a directory."),
        (OSError(errno.EMFILE, "Too many open files"), "can't read the file: Too many open files.\nRaise the limit of"),
    ],
)
def test_other_errors_are_not_retried(
    image: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, message: str
) -> None:
    drive = plug(monkeypatch, error, 1)
    with pytest.raises(DataError) as caught:
        read_rgb(image)
    assert str(caught.value).startswith(f"{image}: {message}")
    assert drive.waits == []


def test_a_folder_that_is_gone_may_be_on_a_drive(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"and its folder were removed .*\nIf they are on an external or a network drive,"
    ):
        read_rgb(tmp_path / "away/a.png")
