"""Puts a whole new content in the place of a file, in one step."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["rewrite"]


def rewrite(file: Path, content: bytes) -> bool:
    """Write the content, and tell whether that changed anything; a link is followed, permissions are kept.

    Raises OSError where it cannot be written; then everything is as before.
    """
    file = file.resolve()
    if file.is_file() and file.read_bytes() == content:
        return False
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with draft.open("xb") as stream:
            stream.write(content)
        if file.is_file():
            draft.chmod(file.stat().st_mode & 0o7777)
        draft.replace(file)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
    return True
