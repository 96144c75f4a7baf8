"""The zip as bytes."""

from __future__ import annotations

import os
from pathlib import Path

from dmlcore.handin.packing import pack


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
