"""A data set is brought whole or not at all, and a failure says everything that was tried."""

from __future__ import annotations

import errno
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve, frozen
from filelock import FileLock

from data.flags import Flags, content, lay_out, md5, tarred, tree, way, zipped
from data.server import Fault, Site
from dmlcore import Archive, DamagedDataError, DataError, DatasetConfig, PluginError, Source, Way
from dmlcore.data import installing
from dmlcore.data.fetching import fetch
from running import invoke

FILES = content()
TGZ = tarred(FILES)
ROOT = Path("data")
DONE = "Flags is in {}: train 4 images of 2 classes, test 4 images of 2 classes."


def refused(dataset: DatasetConfig, **options: str) -> str:
    """The message of a failure, after which no file of the data set is there."""
    with pytest.raises(DataError) as caught:
        fetch(dataset, **options)  # type: ignore[arg-type]
    assert list(ROOT.glob("**/*.png")) == []
    assert not (ROOT / ".flags.partial").exists()
    return str(caught.value)


def test_a_data_set_is_fetched_and_not_again(site: Site, tmp_path: Path) -> None:
    site.files["flags.tgz"] = TGZ
    flags = Flags(ways=(way("flags.tgz", TGZ, site.url("flags.tgz")),))
    assert fetch(flags) == DONE.format(tmp_path / "data/flags")
    assert tree(ROOT) == {f"flags/inner/{name}": data for name, data in FILES.items()}
    assert fetch(flags) == (
        f"Flags is already in {flags.source().home}: train 4 images of 2 classes, test 4 images of 2 classes."
    )
    assert len(site.asked) == 1


def test_archives_are_kept_where_that_is_asked_for(site: Site) -> None:
    site.files["flags.tgz"] = TGZ
    fetch(Flags(ways=(way("flags.tgz", TGZ, site.url("flags.tgz")),)), keep_archives=True)
    assert tree(ROOT)["flags.tgz"] == TGZ
    assert len(tree(ROOT)) == len(FILES) + 1


def test_the_mirrors_are_tried_in_order_and_all_failures_shown(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files = {"wrong": b"something else", "page": b"<html><title>Moved</title>", "dies": TGZ}
    site.faults["dies"] = [Fault(send=100), *[Fault(send=0)] * 3]
    mirrors = [site.url(name) for name in ("gone", "wrong", "page", "dies")]
    flags = Flags(ways=(way("flags.tgz", TGZ, *mirrors), Way("By hand", (Archive("flags.zip"),))))
    assert refused(flags) == (
        "Flags could not be downloaded. Tried:\n"
        f"    {mirrors[0]}\n"
        "        HTTP 404 Not Found\n"
        f"    {mirrors[1]}\n"
        f"        expected md5 {md5(TGZ)[4:]}, got {md5(b'something else')[4:]}\n"
        f"    {mirrors[2]}\n"
        "        the server sent a web page titled 'Moved' instead of the file\n"
        f"    {mirrors[3]}\n"
        f"        the connection ended at byte 100 of {len(TGZ):,} (4 tries)\n"
        f"Partial downloads are kept in {tmp_path}/data/.flags.download; the same command resumes them.\n"
        "If you can get the files in another way, you need one of these:\n"
        f"    Get it: flags.tgz (md5 {md5(TGZ)[4:]})\n"
        "    By hand: flags.zip\n"
        "Then import the file, the folder of the files, or the unpacked folder:\n"
        f"    dmlcore data import flags PATH --root {tmp_path}/data"
    )
    site.asked.clear()
    assert fetch(flags) == DONE.format(tmp_path / "data/flags")
    assert site.asked == [("dies", "bytes=100-")]
    assert not (ROOT / ".flags.download").exists()


def test_a_way_that_leads_to_another_edition_is_left_for_the_next(site: Site, tmp_path: Path) -> None:
    old = zipped(content(3))
    site.files = {"old.zip": old, "flags.tgz": TGZ}
    first = way("old.zip", old, site.url("old.zip"), checksum=False)
    flags = Flags(ways=(first, way("flags.tgz", TGZ, site.url("flags.tgz"))))
    assert refused(evolve(flags, ways=(first,))).startswith(
        "Flags could not be downloaded. Tried:\n"
        f"    {tmp_path}/data/.flags.download/old.zip\n"
        "        Flags: 3 of 4 images in <unpacked>/train.\n"
        "If you can get"
    )
    assert fetch(flags) == DONE.format(tmp_path / "data/flags")


def test_all_archives_of_a_way_are_laid_out_together(site: Site) -> None:
    images, listed = tarred(content(lists=False)), b"a list\n"
    site.files = {"images.tgz": images, "list.txt": listed}
    archives = (
        Archive("images.tgz", [site.url("images.tgz")], md5(images), unpacked=10**6),
        Archive("list.txt", [site.url("list.txt")], md5(listed)),
    )
    flags = Flags(ways=(Way("Both", archives),))
    said = refused(flags)  # the list belongs into the folder of the images, which this archive has not
    assert "Flags: nothing in <unpacked>." in said
    assert not (ROOT / ".flags.download").exists()
    site.files["images.tgz"] = images = zipped(content(lists=False))
    archives = (Archive("images.tgz", [site.url("images.tgz")], md5(images), unpacked=10**6), archives[1])
    fetch(Flags(ways=(Way("Both", archives),)))
    assert set(tree(ROOT)) == {f"flags/{name}" for name in FILES}


def test_an_archive_laid_into_the_root_is_used_and_stays(site: Site) -> None:
    flags = Flags(ways=(way("flags.tgz", TGZ, site.url("flags.tgz")),))
    ROOT.mkdir()
    (ROOT / "flags.tgz").write_bytes(TGZ)
    fetch(flags)
    assert site.asked == []
    assert (ROOT / "flags.tgz").read_bytes() == TGZ


def test_a_wrong_archive_in_the_root_stays_and_is_not_used(site: Site, tmp_path: Path) -> None:
    site.files["flags.tgz"] = TGZ
    ROOT.mkdir()
    (ROOT / "flags.tgz").write_bytes(b"mine")
    fetch(Flags(ways=(way("flags.tgz", TGZ, site.url("flags.tgz")),)))
    assert (ROOT / "flags.tgz").read_bytes() == b"mine"


def test_a_mirror_is_tried_first_and_makes_ways_that_have_none(site: Site) -> None:
    site.files = {"lab/flags.tgz": TGZ}
    flags = Flags(ways=(way("old.zip", b"", site.url("old.zip")), way("flags.tgz", TGZ)))
    fetch(flags, mirror=site.url("lab/"))
    assert [name for name, _ in site.asked] == ["lab/old.zip", "old.zip", "lab/flags.tgz"]


def test_without_any_mirror_the_message_says_so() -> None:
    said = refused(Flags(ways=(way("flags.tgz", TGZ),)))
    assert "\n    nothing: no mirror is known\n" in said


def _hostile(kind: bytes, name: str, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in FILES.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        archive.addfile(info)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_hostile(tarfile.REGTYPE, "../../out"), "a path that leads out of the folder: '../../out'"),
        (_hostile(tarfile.REGTYPE, "/tmp/out"), "a path that leads out of the folder: '/tmp/out'"),
        (_hostile(tarfile.SYMTYPE, "out", "../.."), "a symbolic link or a device: 'out'"),
        (_hostile(tarfile.LNKTYPE, "out", "../../x"), "a hard link to a file outside the archive: 'out'"),
    ],
)
@pytest.mark.parametrize("checksum", [True, False])
def test_a_hostile_archive_leaves_nothing(site: Site, data: bytes, why: str, checksum: bool) -> None:
    site.files["flags.tgz"] = data
    said = refused(Flags(ways=(way("flags.tgz", data, site.url("flags.tgz"), checksum=checksum),)))
    assert "        flags.tgz is refused: " in said
    assert f"{why}\n" in said
    assert not tree(Path())


def test_a_truncated_archive_whose_checksum_is_right_leaves_nothing(site: Site) -> None:
    cut = TGZ[: len(TGZ) // 2]
    site.files["flags.tgz"] = cut
    said = refused(Flags(ways=(way("flags.tgz", cut, site.url("flags.tgz")),)))
    assert "        flags.tgz is damaged: Compressed file ended before the end-of-stream marker was reached\n" in said


def test_what_a_kill_left_is_cleared_away(site: Site) -> None:
    site.files["flags.tgz"] = TGZ
    lay_out(ROOT / ".flags.partial", {"inner/train/stray.png": b"half"})
    fetch(Flags(ways=(way("flags.tgz", TGZ, site.url("flags.tgz")),)))
    assert set(tree(ROOT)) == {f"flags/inner/{name}" for name in FILES}


def test_a_full_disk_keeps_the_download(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files["flags.tgz"] = TGZ

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/x")

    flags = Flags(ways=(way("flags.tgz", TGZ, site.url("flags.tgz")),))
    with monkeypatch.context() as patch:
        patch.setattr(installing, "unpack", full)
        with pytest.raises(OSError, match="No space left on device"):
            fetch(flags)
    assert set(tree(ROOT)) == {".flags.download/flags.tgz"}
    fetch(flags)
    assert len(site.asked) == 1


def test_what_is_in_the_way_is_reported_before_anything_is_loaded(site: Site, tmp_path: Path) -> None:
    flags = Flags(ways=(way("flags.tgz", TGZ, site.url("flags.tgz")),))
    lay_out(ROOT / "flags", {"notes.txt": b"mine"})
    said = refused(flags)
    assert f"{tmp_path}/data/flags" in said
    assert said.endswith("not empty: Flags: nothing in data.\nMove it away or remove it first.")
    lay_out(ROOT / "inner", {"list.txt": b"", "train/none.txt": b""})
    with pytest.raises(DamagedDataError) as caught:
        fetch(flags)
    assert str(caught.value).startswith("Flags: 0 of 4 images in data/inner/train.\nMove it away or remove it first")
    assert site.asked == []


def test_two_processes_do_not_fetch_one_data_set(tmp_path: Path) -> None:
    ROOT.mkdir()
    with FileLock(ROOT / ".flags.lock"):
        said = refused(Flags(ways=(way("flags.tgz", TGZ),)))
    assert "Another process" in said
    assert f"{tmp_path}/data" in said


def test_data_sets_without_a_source_or_a_root() -> None:
    @frozen
    class Drawn(DatasetConfig):
        """Drawn."""

        name = "drawn"

    @frozen
    class Rootless(DatasetConfig):
        """Has no root."""

        name = "rootless"

        def source(self) -> Source:
            return Source("Rootless", ROOT, None, ())

    with pytest.raises(DataError) as caught:
        fetch(Drawn())
    assert "'drawn' has no source" in str(caught.value)
    with pytest.raises(PluginError) as broken:
        fetch(Rootless())
    assert "'rootless'" in str(broken.value)
    assert "`root`" in str(broken.value)


def test_the_command_fetches_a_third_partys_data_set(
    site: Site, fake_plugin: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmlcore.api.progress_bar.SECONDS_A_LINE", 0)
    site.files["flags.tgz"] = TGZ
    fake_plugin("flags-plugin", _plugin(site.url("flags.tgz")))
    done = invoke("data", "fetch", "flags", "--root", "there")
    assert done.stdout == DONE.format(tmp_path / "there/flags") + "\n"
    assert done.stderr.startswith("  flags.tgz: ")
    invoke("data", "fetch", "flags", "--set", "root=other", "--mirror", site.url("no"))
    wrong = invoke("data", "fetch", "flags", "--set", "rot=other", code=2)
    assert wrong.stderr == (
        "Error: --set rot\n    expected  an option of dataset 'flags'\n    got       'rot'\n    Did you mean 'root'?\n"
    )


def test_ctrl_c_leaves_nothing_unfinished(
    site: Site, fake_plugin: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    site.files["flags.tgz"] = TGZ
    fake_plugin("flags-plugin", _plugin(site.url("flags.tgz")))
    monkeypatch.setattr(installing, "unpack", interrupted)
    stopped = invoke("data", "fetch", "flags", code=130)
    assert "Interrupted." in stopped.stderr
    assert "resumes a download" in stopped.stderr
    assert set(tree(ROOT)) == {".flags.download/flags.tgz"}


def _plugin(url: str) -> str:
    return f"""
from pathlib import Path

from attrs import frozen

from data.flags import Flags as Base, way
from dmlcore import DatasetConfig, hookimpl, option


@frozen
class Flags(DatasetConfig):
    '''Flags, from a plugin.'''

    name = "flags"
    root: Path = option(Path("data"), help="folder of the files")

    def load(self, split):
        return self._base().load(split)

    def source(self):
        return self._base().source()

    def _base(self):
        return Base(root=self.root, ways=(way("flags.tgz", {TGZ!r}, {url!r}),))


@hookimpl
def dmlcore_register_datasets():
    return [Flags]
"""
