"""Fills in the dynamic dependencies of a project from the files that its build would read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cudapin.adapters.files import is_file
from cudapin.adapters.project import read_text
from cudapin.core.dynamic_files import with_dynamic_files
from cudapin.errors import Code, LockError

if TYPE_CHECKING:
    from pathlib import Path

    from cudapin.core.lock import Pyproject

__all__ = ["fill_dynamic"]


def fill_dynamic(pyproject: Pyproject, directory: Path) -> Pyproject:
    """Return the project in a directory with those of its dynamic dependencies that stand in files beside it.

    Nothing outside the directory is read. Raises LockError for a file that is no UTF-8.
    """
    return with_dynamic_files(pyproject, partial(_read, directory))


def _read(directory: Path, path: str) -> str | None:
    file = directory / path
    if not is_file(file) or not file.resolve().is_relative_to(directory.resolve()):
        return None
    return read_text(file, path, LockError, Code.CP205)
