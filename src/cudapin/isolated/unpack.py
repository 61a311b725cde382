"""Unpacks the sdist that wheels are built from."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["unpack_sdist"]


def unpack_sdist(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist of our own build into a new folder; return the only folder in it."""
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, filter="data")
        else:  # an older bug-fix release of Python 3.10 or 3.11
            archive.extractall(folder)  # noqa: S202 - it was built here, a moment ago
    (root,) = folder.iterdir()
    return root
