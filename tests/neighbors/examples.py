"""How many drawn examples a test takes: few by default, many with `-m slow`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

few_or_many = pytest.mark.parametrize("count", [25, pytest.param(250, marks=pytest.mark.slow)], ids=["few", "many"])


def for_all(count: int, check: Callable[..., None], **strategies: Any) -> None:
    """Call `check` with `count` draws of the strategies."""
    settings(max_examples=count, deadline=None)(given(**strategies)(check))()
