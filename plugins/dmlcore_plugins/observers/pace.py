"""How much longer a run takes."""

from __future__ import annotations

from attrs import define

from dmlcore import Progress


@define
class Pace:
    """Estimates the end of a run from the wall time of its epochs so far."""

    epochs: int
    first_end: float | None = None
    last_end: float = 0.0
    first_epoch: int = 0
    epoch: int = 0
    """The last epoch that ended."""

    def end_epoch(self, epoch: int, now: float) -> None:
        if self.first_end is None:
            self.first_end, self.first_epoch = now, epoch
        self.last_end, self.epoch = now, epoch

    def seconds_left(self, progress: Progress, now: float) -> float | None:
        """Return the seconds to the end of the run; None as long as there is nothing to estimate them from."""
        if self.first_end is None:
            return None
        elapsed = now - self.last_end
        if self.epoch > self.first_epoch:
            seconds_an_epoch = (self.last_end - self.first_end) / (self.epoch - self.first_epoch)
        elif progress.stage == "train" and progress.done:
            seconds_an_epoch = elapsed * progress.total / progress.done
        else:
            return None
        return max(0.0, (self.epochs - self.epoch) * seconds_an_epoch - elapsed)
