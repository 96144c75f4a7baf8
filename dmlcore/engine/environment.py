"""The machine of a measurement."""

from __future__ import annotations

import os
import platform

import torch


def environment(device: torch.device) -> dict[str, str | int | None]:
    """Return device, threads, cores, Python and platform."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
