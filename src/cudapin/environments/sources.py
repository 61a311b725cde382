"""The sources that a project's wheel is built from, as one digest that changes when the wheel may."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["sources_digest"]

_SKIPPED = frozenset({"__pycache__", "node_modules"})
_OUTPUT = frozenset({"build", "dist"})
"""Folders that builds write into, unless they are packages themselves."""
_REPORT = b'{\n "schema": 1,\n "ok": '
_MADE = (".pyc", ".so", ".pyd", ".o")


def sources_digest(roots: Iterable[str], left_out: Iterable[str] = (), *, names_only: bool = False) -> str:
    """Return the SHA-256 over path, size and time of every file that could be a source.

    Left out are hidden folders and files, caches, build output, virtual environments, and the folders named, which
    are relative to the first root: those of the tests, which are read where they lie. With `names_only`, for an
    editable install, what a `.py` file holds does not count.
    """
    places = list(roots)
    followed: set[str] = set()
    skipped = {os.path.normpath(os.path.join(places[0], name)) for name in left_out} if places else set()  # noqa: PTH118
    digest = hashlib.sha256()
    for root in places:
        for path, entry in _files(root, skipped, followed):
            if names_only and path.endswith(".py"):
                line = f"{path}\n"
            else:
                found = entry.stat()
                line = f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(directory: str, skipped: set[str], followed: set[str]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = entry.name
        if name.startswith("."):
            continue
        if entry.is_dir():
            if not _is_left_out(entry, skipped) and _is_new(entry, followed):
                yield from _files(entry.path, skipped, followed)
        elif not name.endswith(_MADE) and entry.path not in skipped and entry.is_file() and not _is_report(entry):
            yield entry.path, entry


def _is_new(entry: os.DirEntry[str], followed: set[str]) -> bool:
    """Whether a folder has not been seen by a link: hatchling follows links too, and a link may lead above itself."""
    if not entry.is_symlink():
        return True
    target = os.path.realpath(entry.path)
    is_new = target not in followed and not entry.path.startswith(f"{target}{os.sep}")
    followed.add(target)
    return is_new


def _is_report(entry: os.DirEntry[str]) -> bool:
    """Whether a file is a report of ours, which a test run writes wherever it is told to."""
    if not entry.name.endswith(".json"):
        return False
    try:
        with open(entry.path, "rb") as file:  # noqa: PTH123
            return file.read(len(_REPORT)) == _REPORT
    except OSError:
        return False


def _is_left_out(entry: os.DirEntry[str], skipped: set[str]) -> bool:
    return (
        entry.name in _SKIPPED
        or (entry.name in _OUTPUT and not os.path.exists(f"{entry.path}/__init__.py"))  # noqa: PTH110
        or entry.name.endswith(".egg-info")
        or entry.path in skipped
        or os.path.exists(f"{entry.path}/pyvenv.cfg")  # noqa: PTH110
    )
