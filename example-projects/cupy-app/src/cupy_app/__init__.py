"""Adds up numbers with CuPy, or with NumPy where there is no GPU."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

__all__ = ["has_cupy", "total"]


def has_cupy() -> bool:
    """Whether this install came with CuPy; it can be there without a GPU."""
    return find_spec("cupy") is not None


def total(numbers: list[float], *, on_gpu: bool = False) -> float:
    """Return the sum, computed by CuPy on the GPU if asked for, else by NumPy."""
    return float(_arrays(on_gpu=on_gpu).asarray(numbers).sum())


def _arrays(*, on_gpu: bool) -> Any:
    if on_gpu:
        import cupy

        return cupy
    import numpy as np

    return np
