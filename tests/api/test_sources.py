"""Archives, and the ways to get them, as a plugin author writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmlcore import Archive, Way

MD5 = "0123456789abcdef" * 2


@pytest.mark.parametrize("file", ["a.tgz", "a.tar.gz", "A.ZIP", "a.tar"])
def test_packed_by_its_name(file: str) -> None:
    assert Archive(file).is_packed
    assert not Archive("labels.mat").is_packed


@pytest.mark.parametrize("file", ["", "..", "a/b.zip", "/b.zip"])
def test_a_file_is_a_name(file: str) -> None:
    with pytest.raises(ValueError, match="name without a folder"):
        Archive(file)


@pytest.mark.parametrize("checksum", [MD5, f"md5:{MD5[1:]}", f"crc:{MD5}", f"md5:{MD5.upper()}", "md5:", ":"])
def test_a_checksum_says_its_kind(checksum: str) -> None:
    with pytest.raises(ValueError, match=r"a\.zip: the checksum must be md5:…, sha1:… or sha256:…"):
        Archive("a.zip", checksum=checksum)


def test_the_instructions_of_a_way() -> None:
    way = Way(
        "Get both",
        [
            Archive("a.tar.gz", ["http://one/a", "http://two/a"], f"md5:{MD5}"),
            Archive("b.mat", checksum=f"sha256:{MD5 * 2}"),
        ],
    )
    assert way.instructions(Path("/my data")) == (
        "Get both:\n"
        "    mkdir -p '/my data' && cd '/my data'\n"
        "    curl -L -o a.tar.gz http://one/a\n"
        f"    md5sum a.tar.gz    # must be {MD5}\n"
        "    tar -xzf a.tar.gz\n"
        f"    sha256sum b.mat    # must be {MD5 * 2}"
    )
