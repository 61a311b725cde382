"""The files of what is installed, as each RECORD lists them: which of them somebody has changed.

uv links files of its cache into environments, so that a file that is edited in place is changed in the cache, too: a
package that is installed again from there is not what its wheel holds.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cudapin.core.names import normalise
from cudapin.environments.state import sites

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["edited", "forget_files", "note_files", "spoilt"]

_FILE = "cudapin-files.json"
_LATER_NS = 2_000_000_000
"""How much later than its metadata, which a wheel holds last, a file of a package may have been unpacked."""


class _Recorded(NamedTuple):
    """A file of a package: its path, and hash as RECORD writes it (`sha256=…`)."""

    path: str
    digest: str


def note_files(directory: Path) -> None:
    """Keep size and time of every file of every package, for `edited`."""
    found: dict[str, dict[str, list[int]]] = {}
    for site in sites(directory):
        for name, info in _packages(site):
            files = found.setdefault(name, {})
            for file in _recorded(site, info):
                files[file.path] = list(_size_and_time(file.path) or ())
    (directory / _FILE).write_text(json.dumps(found), encoding="utf-8")


def edited(directory: Path) -> set[str] | None:
    """Return the packages with a file that is not as it was noted; None where none was ever noted."""
    try:
        noted = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        return {name for name, files in noted.items() if _is_edited(files)}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def forget_files(directory: Path) -> None:
    """Forget what was noted: called before anything is changed."""
    (directory / _FILE).unlink(missing_ok=True)


def spoilt(directory: Path, names: Collection[str]) -> set[str]:
    """Return those of the packages with a file that has not the hash of its RECORD.

    Only a file that was changed after its package was unpacked is read: the hash of all would take longer than the
    installation.
    """
    return {
        name
        for site in sites(directory)
        for name, info in _packages(site)
        if name in names and any(_is_spoilt(file) for file in _later(site, info))
    }


def _is_edited(files: dict[str, list[int]]) -> bool:
    for path, noted in files.items():  # thousands, at each command: no call but that to the system
        try:
            found = os.stat(path)  # noqa: PTH116
        except OSError:
            if noted:
                return True
        else:
            if noted != [found.st_size, found.st_mtime_ns]:
                return True
    return False


def _later(site: str, info: str) -> Iterator[_Recorded]:
    times = [found[1] for name in ("METADATA", "WHEEL") if (found := _size_and_time(f"{site}/{info}/{name}"))]
    for file in _recorded(site, info):
        found = _size_and_time(file.path)
        if times and found and found[1] > max(times) + _LATER_NS:
            yield file


def _is_spoilt(file: _Recorded) -> bool:
    import base64

    algorithm, _, wanted = file.digest.partition("=")
    if not wanted or algorithm not in hashlib.algorithms_available:
        return False
    try:
        digest = hashlib.new(algorithm, Path(file.path).read_bytes()).digest()
    except OSError:
        return True
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != wanted.rstrip("=")


def _packages(site: str) -> Iterator[tuple[str, str]]:
    """Yield name and metadata folder of each package."""
    for info in os.listdir(site):  # noqa: PTH208
        if info.endswith(".dist-info"):
            yield normalise(info.partition("-")[0]), info


def _recorded(site: str, info: str) -> Iterator[_Recorded]:
    """Yield the files of a package that are its own: compiled bytecode comes and goes."""
    import csv  # not where nothing has changed: that takes as long as all else here

    try:
        with open(f"{site}/{info}/RECORD", encoding="utf-8", newline="") as file:  # noqa: PTH123
            rows = [row for row in csv.reader(file) if len(row) > 1]
    except (OSError, ValueError, csv.Error):
        return
    for path, digest, *_ in rows:
        if not path.endswith(".pyc"):
            yield _Recorded(os.path.join(site, path), digest)  # noqa: PTH118


def _size_and_time(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns
