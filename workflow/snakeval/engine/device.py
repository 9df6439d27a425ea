"""Where a model runs, and how much memory that took."""

import resource
import sys

import torch


def name(device: torch.device) -> str:
    """For people: "cpu", "cuda:0 NVIDIA H200"."""
    return f"{device} {torch.cuda.get_device_name(device)}" if device.type == "cuda" else str(device)


def peak_bytes(device: torch.device) -> int:
    """Largest memory so far: allocated on all GPUs together, or resident in the process."""
    if device.type == "cuda":
        return sum(torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count()))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
