"""The most memory that a run held at once."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_CLEAR_REFERENCES = Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


def forget_peak(device: torch.device) -> None:
    """Counts the peak anew from here, where that can be done: on CUDA devices, and for a process under Linux."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        _CLEAR_REFERENCES.write_text(_FORGET_PEAK)
    except OSError:
        return  # another system, or a container that doesn't let it: the peak is then the process's since its start


def peak_memory(device: torch.device) -> int | None:
    """The most bytes held at once: by tensors on a CUDA device, else by this process, its workers left out.

    None where the system does not say.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
