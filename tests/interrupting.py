"""Training that is interrupted, as by Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dmlcore.engine import checkpoint


@contextmanager
def interrupted(epoch: int, run: str = "") -> Iterator[None]:
    """The block must end by an interrupt, right after the checkpoint of this epoch of the run whose name begins so."""
    save = checkpoint.save

    def stopping(state: Any, folder: Path) -> None:
        save(state, folder)
        if folder.name.startswith(run) and state.epoch == epoch:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save", stopping)
        with pytest.raises(KeyboardInterrupt):
            yield
