"""The sizes of locked files, where a lock file records them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["readable", "recorded_sizes"]

_FILE = re.compile(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")
_SIZE = re.compile(r"\bsize = (\d{1,15})\b")
_UNITS = ("B", "kB", "MB", "GB", "TB")


def recorded_sizes(text: str) -> Mapping[str, int]:
    """Return the size of each file by its SHA-256, as far as a `uv.lock` or `pylock.toml` records them."""
    found = {}
    for table in _FILE.finditer(text):
        digest, size = _SHA256.search(table[0]), _SIZE.search(table[0])
        if digest and size:
            found[digest[0]] = int(size[1])
    return found


def readable(size: float) -> str:
    """Return a number of bytes as people say it."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:  # noqa: PLR2004
        size /= 1000
        unit += 1
    return f"{size:.0f} {_UNITS[unit]}" if unit < 3 else f"{size:.1f} {_UNITS[unit]}"  # noqa: PLR2004
