"""Archives, and the ways to get them, as a plugin author writes them."""

from __future__ import annotations

import pytest

from dmlcore import Archive

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
