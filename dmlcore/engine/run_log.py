"""`run.log`: what happened in a run and when, as plain text in its folder."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from dmlcore.api.values import EpochSummary
from dmlcore.text import visible

log = logging.getLogger("dmlcore")


class _RunLog(logging.FileHandler):
    """A file that a full disk may cut short: the run does not need it, and its checkpoint reports the disk."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name of the base class
        pass

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class LogFormatter(logging.Formatter):
    """Shows invisible characters by their codes, and indents the further lines of a message."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        return super().formatMessage(record).replace("\n", "\n    ")

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Inside the block, append what dmlcore logs to this file, from INFO on, whatever other handlers show."""
    handlers: list[logging.Handler] = [_RunLog(path, encoding="utf-8")]
    handlers[0].setFormatter(LogFormatter("%(asctime)s  %(message)s", "%Y-%m-%d %H:%M:%S"))
    if not log.hasHandlers():  # Python prints warnings only of loggers without a handler
        handlers.append(logging.StreamHandler())
        handlers[1].setLevel(logging.WARNING)
        handlers[1].setFormatter(LogFormatter())
    level = log.level
    if not log.isEnabledFor(logging.INFO):
        log.setLevel(logging.INFO)
    for handler in handlers:
        log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
        handlers[0].close()
        log.setLevel(level)


def figures(values: Mapping[str, float]) -> str:
    """ "recall_at_1 0.6123, nmi 0.71"."""
    return ", ".join(f"{name} {value:.6g}" for name, value in values.items())


def epoch_line(epoch: EpochSummary) -> str:
    """ "epoch 3: loss 0.1234, learning rate 0.0001, 12.3 s"."""
    loss = "untrained" if epoch.loss is None else f"loss {epoch.loss:.6g}, learning rate {epoch.learning_rate:.6g}"
    speed = "" if epoch.images_per_second is None else f", {epoch.images_per_second:.0f} images/s"
    return f"epoch {epoch.epoch}: {loss}, {epoch.seconds:.1f} s{speed}"
