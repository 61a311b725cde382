"""Runs other programs so that all of them, and whatever they start, can be ended at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Children", "Done", "StoppedError", "ends_noted", "first_end"]

_GRACE_S = 3.0
"""How long a program may take to end by itself once it is told to."""


class Done(NamedTuple):
    """How a program ended, and what it printed, standard error included."""

    code: int
    text: str


class StoppedError(Exception):
    """A program was not started, or was ended, because the run is over."""


class Children:
    """The programs of one run. Each is the first of a process group of its own, and gets no terminal to read from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False

    def run(self, command: Sequence[str], cwd: Path, environ: Mapping[str, str], log: Path) -> Done:
        """Run a program to its end; its output goes through the file `log`.

        Raises StoppedError once the run is over, OSError where the program cannot be started.
        """
        with log.open("w+b") as stream:
            with self._lock:
                if self._is_stopped:
                    raise StoppedError
                process = subprocess.Popen(  # noqa: S603 - an installer, or the build backend of the user's project
                    command,
                    cwd=cwd,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._running.add(process)
            code = process.wait()
            with self._lock:
                self._running.discard(process)
                if self._is_stopped:
                    raise StoppedError
            _signal(process, "SIGKILL")  # what a build leaves running would write into folders that are removed
            stream.seek(0)
            return Done(code, stream.read().decode("utf-8", "replace"))

    @property
    def is_stopped(self) -> bool:
        """Whether the run is over."""
        with self._lock:
            return self._is_stopped

    def check(self) -> None:
        """Raise StoppedError once the run is over."""
        if self.is_stopped:
            raise StoppedError

    def stop(self) -> None:
        """End every program, and let none start any more. Returns when they have ended."""
        with self._lock:
            self._is_stopped = True
            running = tuple(self._running)
        for process in running:
            _signal(process, "SIGTERM")
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            _signal(process, "SIGKILL")
            process.wait()


def _signal(process: subprocess.Popen[bytes], name: str) -> None:
    """Send a signal to a program and all that it started."""
    with suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, getattr(signal, name))


@contextmanager
def ends_noted() -> Iterator[SimpleQueue[int | None]]:
    """Give a queue that gets the number of each signal that asks for an end; no signal does anything else meanwhile.

    An exception out of a handler would come at any moment, while the end is being tidied up, too. None is for what else
    may end. What the caller ignores stays ignored, such as the hangup of a run under `nohup`.
    """
    ends: SimpleQueue[int | None] = SimpleQueue()  # the only queue that a signal's handler may use
    if threading.current_thread() is not threading.main_thread():
        yield ends
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    try:
        for number in taken:
            signal.signal(number, lambda found, _: ends.put(found))
        yield ends
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def first_end(ends: SimpleQueue[int | None]) -> int | None:
    """Wait for what ends first: a signal, whose number is returned, or something else."""
    while True:
        with suppress(Empty):
            return ends.get(timeout=1)  # a thread that waits without a limit hears no Ctrl-C on Windows
