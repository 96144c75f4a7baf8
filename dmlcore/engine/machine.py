"""The machine of a measurement, and the peak memory of a run."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import torch

_CLEAR_REFERENCES = Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


def environment(device: torch.device) -> dict[str, str | int | None]:
    """Return device, threads, cores, Python and platform."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def forget_peak(device: torch.device) -> None:
    """Reset the peak, if the system can: on CUDA devices, and for the process on Linux."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        _CLEAR_REFERENCES.write_text(_FORGET_PEAK)
    except OSError:
        return  # not Linux, or not permitted in a container: the peak then counts from the start of the process


def peak_memory(device: torch.device) -> int | None:
    """Return the peak in bytes: of tensors on a CUDA device, else of this process without its workers.

    None if the system does not report it.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
