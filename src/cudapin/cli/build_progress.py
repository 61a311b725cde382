"""Shows how builds go: on a terminal a few lines that change in place, elsewhere one line for each event."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cudapin.isolated.results import Result

__all__ = ["Progress", "is_display"]

_COLOURS = {"built": 32, "refused": 31, "failed": 31, "not run": 33}


def is_display(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Tell whether lines of a stream can be written over: on a terminal that is none of the simplest ones."""
    return stream.isatty() and environ.get("TERM", "dumb") != "dumb"


class Progress:
    """Writes to a stream what a run says, from any thread; nothing of a result's problems, which follow at the end."""

    def __init__(
        self,
        stream: TextIO,
        names: Sequence[str],
        *,
        display: bool = False,
        colour: bool = False,
        quiet: bool = False,
        verbose: bool = False,
    ) -> None:
        self._stream = stream
        self._names = list(names)
        self._display = display
        self._colour = colour
        self._quiet = quiet
        self._verbose = verbose
        self._lines = dict.fromkeys(names, "waiting")
        self._began: dict[str, float] = {}
        self._drawn = 0
        self._lock = threading.Lock()

    def step(self, name: str, what: str) -> None:
        """Something begins to be done for a file."""
        with self._lock:
            self._began.setdefault(name, time.monotonic())
            self._lines[name] = what
            self._write(f"{name}: {what}")

    def end(self, name: str, result: Result) -> None:
        """A file is finished, or will not be."""
        codes = ", ".join(dict.fromkeys(problem.code.name for problem in result.problems if problem.level == "error"))
        taken = time.monotonic() - self._began[name] if name in self._began else None
        details = [result.path.name] if result.path else [codes] if codes else []
        details += [f"{taken:.1f} s"] if taken is not None and result.path else []
        text = f"{result.outcome}{f' ({details[-1]})' if len(details) > 1 else ''}{f' {details[0]}' if details else ''}"
        with self._lock:
            self._lines[name] = text
            self._write(f"{name}: {text}")

    def hear(self, name: str, text: str, *, is_failure: bool) -> None:
        """Show what a program said, where it failed or everything is to be seen."""
        lines = text.rstrip().splitlines()
        if not lines or not (is_failure or self._verbose):
            return
        with self._lock:
            self._erase()
            self._put("".join(f"{name} | {_safe(line)}\n" for line in lines))
            self._draw()

    def _write(self, line: str) -> None:
        if self._quiet:
            return
        if self._display:
            self._erase()
            self._draw()
        else:
            self._put(f"{line}\n")

    def _put(self, text: str) -> None:
        """Write; nothing is built worse because nobody can see how it goes."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def _erase(self) -> None:
        if self._drawn:
            self._put(f"\033[{self._drawn}F\033[J")
            self._drawn = 0

    def _draw(self) -> None:
        if not self._display or self._quiet:
            return
        width, height = shutil.get_terminal_size()
        longest = max(map(len, self._lines), default=0)
        shown = list(self._lines.items())[: max(height - 1, 1)]
        lines = []
        for name, text in shown:
            line = f"{name:<{longest}}  {text}"[: width - 1]
            colour = next((code for word, code in _COLOURS.items() if text.startswith(word)), None)
            lines.append(f"\033[{colour}m{line}\033[0m\n" if colour and self._colour else f"{line}\n")
        self._put("".join(lines))
        self._drawn = len(shown)


def _safe(line: str) -> str:
    """Keep what programs print from moving the cursor, colours included."""
    return "".join(letter if letter.isprintable() or letter == "\t" else f"\\x{ord(letter):02x}" for letter in line)
