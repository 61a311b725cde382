"""One command at a time changes an environment; a command that is killed holds off nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from filelock import BaseFileLock

__all__ = ["Exclusive"]


class Exclusive:
    """The right to change what lies in a directory."""

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        """Take the directory, and what tells the user that another command is waited for."""
        self._file = directory.with_name(f"{directory.name}.lock")
        self._say = say
        self._lock: BaseFileLock | None = None

    def acquire(self) -> None:
        """Wait until no other command changes the directory; nothing where this one may already."""
        from filelock import FileLock, Timeout

        if self._lock is not None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._file)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._say(f"waiting for another command that fills `{self._file.name.removesuffix('.lock')}`")
            lock.acquire()
        self._lock = lock

    def release(self) -> None:
        """Let others in."""
        if self._lock is not None:
            self._lock.release(force=True)
            self._lock = None

    def remove(self) -> None:
        """Leave nothing behind, after the directory itself was removed."""
        self.release()
        self._file.unlink(missing_ok=True)
