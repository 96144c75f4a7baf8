"""Faults of plugins are theirs; those of a drive under them are not."""

from __future__ import annotations

import errno
import os

import pytest

from dmlcore import DataError, PluginError
from dmlcore.host.faults import faults_of
from toys import Squares


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOSPC])
def test_an_error_of_the_drive_is_no_fault_of_the_plugin(code: int) -> None:
    with pytest.raises(DataError) as caught, faults_of(Squares(), "load"):
        raise OSError(code, os.strerror(code), "/mnt/photos/a.jpg")
    cause = "is full: free some space" if code == errno.ENOSPC else "may be disconnected or failing: check it"
    assert str(caught.value) == (
        f"/mnt/photos/a.jpg: {os.strerror(code)}.\n"
        f"The drive {cause}. Then run the same command again; runs resume after their last finished epoch."
    )


def test_other_errors_are_faults_of_the_plugin() -> None:
    with pytest.raises(PluginError, match="failed in load: OSError"), faults_of(Squares(), "load"):
        raise OSError("unexpected")
