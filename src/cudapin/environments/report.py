"""The report in JSON that test runs write together: one entry for each cell, and whether all is well."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["is_green", "update_report"]

_SCHEMA = 1
_TESTED = ("gpu", "no-gpu")


def update_report(path: Path, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Set these cells in the report and return it; other cells, of runs before or beside this one, stay.

    Raises ValueError where another kind of file lies there, OSError where it cannot be read or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        cells = {**_read(path), **{cell: dict(entry) for cell, entry in entries.items()}}
        document = {"schema": _SCHEMA, "ok": is_green(cells), "cells": cells}
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            temporary.replace(path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            raise
    return document


def is_green(cells: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether some cell was tested, and none failed or was left out without a reason."""
    outcomes = [str(entry.get("outcome")) for entry in cells.values()]
    tested = [outcome for outcome in outcomes if outcome in _TESTED]
    return bool(tested) and all(outcome in _TESTED or outcome.startswith("skipped") for outcome in outcomes)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    if not text.strip():
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    cells = document.get("cells") if isinstance(document, dict) and document.get("schema") == _SCHEMA else None
    if not isinstance(cells, dict) or not all(isinstance(entry, dict) for entry in cells.values()):
        message = f"`{path}` is no report of cudapin, and is not overwritten"
        raise ValueError(message)
    return cells


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold off other writers of this report; a writer that is killed holds off nobody."""
    if sys.platform == "win32":  # pragma: no cover
        lock = _temporary_file(str(path.with_name(f".{path.name}.lock")))
        try:
            yield
        finally:
            os.close(lock)
        return
    import fcntl

    # The folder, since the file itself is replaced; nothing is left behind.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folder
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _temporary_file(name: str) -> int:  # pragma: no cover - Windows only
    """Create a file that only one process can have, and that vanishes with it."""
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_TEMPORARY", 0)
    while True:
        try:
            return os.open(name, flags)
        except (FileExistsError, PermissionError):
            time.sleep(0.02)
