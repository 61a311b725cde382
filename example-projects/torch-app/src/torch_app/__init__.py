"""Says which torch it was installed with and where that computes."""

from __future__ import annotations

import torch

__all__ = ["best_device", "build_cuda", "total"]


def build_cuda() -> str | None:
    """Return the CUDA that torch was built for, such as `12.8`; None for a build without."""
    return torch.version.cuda


def best_device() -> str:
    """Return `cuda` where this torch finds a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def total(numbers: list[float]) -> float:
    """Return the sum, computed on the best device."""
    return float(torch.tensor(numbers, device=best_device()).sum())
