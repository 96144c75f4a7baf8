"""How commands print."""

from __future__ import annotations

import warnings

import pytest

from dmlcore.commands.output import warnings_in_one_line


@pytest.mark.filterwarnings("default")
def test_a_warning_for_users_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings_in_one_line():
        warnings.warn("loss 'old' is deprecated: use 'new'", FutureWarning, stacklevel=1)
    assert capsys.readouterr().err == "Warning: loss 'old' is deprecated: use 'new'.\n"
