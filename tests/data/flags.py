"""A small data set with a source: flags of one colour a class, four images a split."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import attrs
import numpy as np
from attrs import frozen
from PIL import Image

from dmlcore import Archive, DamagedDataError, DataError, DatasetConfig, ImageFiles, Source, Split, Way, option

COLOURS = {"train": ("red", "green"), "test": ("blue", "yellow")}


@frozen
class Flags(DatasetConfig):
    """Flags of one colour."""

    name = "flags"
    root: Path = option(Path("data"), help="folder of the files")
    ways: tuple[Way, ...] = attrs.field(default=(), kw_only=True)

    def load(self, split: Split) -> ImageFiles:
        home = self._home()
        if home is None:
            raise DataError(f"Flags: nothing in {self.root}.", "Get them.")
        paths = sorted((home / split).glob("*.png"))
        if len(paths) != 4:
            raise DamagedDataError(f"Flags: {len(paths)} of 4 images in {home / split}.", "Get them anew.")
        return ImageFiles(paths, np.array([0, 0, 1, 1]), COLOURS[split])

    def source(self) -> Source:
        return Source("Flags", self.root.absolute(), self._home(), self.ways)

    def _home(self) -> Path | None:
        places = (self.root, self.root / "flags", self.root / "flags" / "inner", self.root / "inner")
        return next((place for place in places if (place / "train").is_dir() and (place / "list.txt").is_file()), None)


def content(images: int = 4, *, lists: bool = True) -> dict[str, bytes]:
    """The files of the data set by their paths."""
    files = {"list.txt": b"a list\n"} if lists else {}
    for split, colours in COLOURS.items():
        for i in range(images):
            buffer = io.BytesIO()
            Image.effect_noise((16, 12), 60 + i).convert("RGB").save(buffer, "png")
            files[f"{split}/{colours[i // 2 % 2]}{i}.png"] = buffer.getvalue()
    return files


def lay_out(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], top: str = "inner") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def md5(data: bytes) -> str:
    return f"md5:{hashlib.md5(data).hexdigest()}"


def way(file: str, data: bytes, *mirrors: str, checksum: bool = True) -> Way:
    """A way of one archive."""
    return Way("Get it", (Archive(file, mirrors, md5(data) if checksum else None, unpacked=10**6),))


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but locks."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }
