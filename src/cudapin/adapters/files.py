"""Asks the file system about a project, and can note what was asked, so that an answer is kept while nothing changes.

Whoever decides something about a project asks here: a question that is not noted could change its answer unseen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["exists", "glob", "is_file", "noted", "read_bytes", "start_noting", "still_hold"]

_asked: dict[str, str] = {}
_is_noting: list[bool] = []
_UNREADABLE = "unreadable"


def start_noting() -> None:
    """Note every question from now on, until the process ends."""
    _is_noting.append(True)


def noted() -> dict[str, str]:
    """Return each question that was asked (`read`, `is-file`, `exists` or `glob`, and of what), with its answer.

    The answer to a question that was asked twice is the first: what was decided by the second is asked once more.
    """
    return dict(_asked)


def still_hold(questions: Mapping[str, str]) -> bool:
    """Tell whether every question would be answered as it was."""
    return all(_answer(question) == answer for question, answer in questions.items())


def is_file(path: Path) -> bool:
    """Tell whether a path is a file."""
    try:
        found = path.is_file()
    except OSError:  # a name that is too long
        found = False
    _note("is-file", path, str(found))
    return found


def exists(path: Path) -> bool:
    """Tell whether there is anything at a path."""
    try:
        found = path.exists()
    except OSError:
        found = False
    _note("exists", path, str(found))
    return found


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file. Raises OSError."""
    try:
        found = path.read_bytes()
    except OSError:
        _note("read", path, _UNREADABLE)
        raise
    if _is_noting:
        _note("read", path, _digest(found))
    return found


def glob(root: Path, pattern: str) -> list[Path]:
    """Return what a pattern matches. Raises ValueError, IndexError or NotImplementedError for what is no pattern."""
    found = sorted(root.glob(pattern))
    if _is_noting:
        _note("glob", f"{root}\0{pattern}", _of_paths(found))
    return found


def _note(kind: str, of: Path | str, answer: str) -> None:
    if _is_noting:
        _asked.setdefault(f"{kind} {of}", answer)


def _answer(question: str) -> str:
    kind, _, path = question.partition(" ")
    try:
        if kind == "read":
            with open(path, "rb") as file:  # noqa: PTH123 (a Path for each would cost as much as the reading)
                return _digest(file.read())
        if kind == "is-file":
            return str(os.path.isfile(path))  # noqa: PTH113
        if kind == "exists":
            return str(os.path.exists(path))  # noqa: PTH110
        root, _, pattern = path.partition("\0")
        return _of_paths(sorted(Path(root).glob(pattern)))
    except (OSError, ValueError, IndexError, NotImplementedError):
        return _UNREADABLE


def _of_paths(paths: list[Path]) -> str:
    return _digest("\0".join(map(str, paths)).encode("utf-8", "surrogateescape"))


def _digest(data: bytes) -> str:
    import hashlib  # loads OpenSSL: only where something is noted

    return hashlib.sha256(data).hexdigest()
