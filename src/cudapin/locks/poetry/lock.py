"""`poetry.lock`: text to packages, and what Poetry would install of them in one environment.

Written against Poetry 2.5 (`packages/locker.py`), which reads lock-versions 1 and 2. Since 2.1 each package says for
which groups and under which markers it is installed; before, that is found by walking from what the project asks
for, which the lock does not hold: it is taken from `pyproject.toml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cudapin.core.locate import find_array_lines, find_line
from cudapin.core.markers import MarkerError, parse_marker
from cudapin.core.names import normalise
from cudapin.errors import Code, LockError, Problem, Where
from cudapin.locks.lock_text import lock_error, parse_toml
from cudapin.locks.poetry.hash import FIX, made_by
from cudapin.locks.poetry.package import PoetryPackage, ShapeError, read_files, read_package, value_of
from cudapin.locks.poetry.root import read_root
from cudapin.locks.poetry.select import select_marked, select_walked
from cudapin.locks.poetry.walk import AmbiguousError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.core.lock import LockedFile, LockFormat, Pyproject, Request, Selection, Source
    from cudapin.locks.poetry.root import PoetryRoot

__all__ = ["PoetryLock", "parse_poetry_lock"]

_VERSION = re.compile(r"\s*v?(\d{1,4})(?:\.(\d{1,4}))?\S*\s*")
_KNOWN_MAJORS = (1, 2)
_MARKED_SINCE = (2, 1)


@dataclass(frozen=True, kw_only=True)
class PoetryLock:
    """A `poetry.lock`. `root` is what the project asks for, None where it is not known."""

    source: Source
    lock_version: tuple[int, int]
    python_versions: str | None
    content_hash: str | None
    extras: Mapping[str, frozenset[str]]
    packages: tuple[PoetryPackage, ...]
    root: PoetryRoot | None = None
    format: LockFormat = "poetry"

    @property
    def is_marked(self) -> bool:
        """Whether packages record their groups and markers."""
        return self.lock_version >= _MARKED_SINCE

    @cached_property
    def writer(self) -> str | None:
        """The version of Poetry that wrote it, by its first line."""
        return made_by(self.source.text)

    def line_of(self, *path: str) -> int | None:
        """Return the line of a key outside of the packages."""
        return find_line(self.source.text, *path)

    def select(
        self,
        request: Request,
        project: str | None = None,
        files_for: Callable[[str], bool] = lambda name: True,  # noqa: ARG005
    ) -> Selection:
        """Return what `poetry install` gives with these extras and groups: always the main group, with them.

        Extras and groups that do not exist select nothing. Raises LockError where a marker cannot be read (CP205),
        or what to walk from is not known (CP206).
        """
        try:
            if self.is_marked:
                return select_marked(self.packages, self.root, request, files_for)
            return select_walked(self.packages, self.root, request, files_for, project)
        except MarkerError as error:
            what = "holds a marker that cannot be read"
            raise lock_error(self.source, FIX, what, str(error), line=self._line_of(error)) from error
        except AmbiguousError as error:
            raise self._unknown(str(error)) from error

    def _line_of(self, error: MarkerError) -> int | None:
        """Return the line of the first package with a marker that gives this error."""
        for package in self.packages:
            of_groups = package.markers.values() if isinstance(package.markers, dict) else (package.markers,)
            for marker in (*of_groups, *(edge.marker for edge in package.edges)):
                try:
                    parse_marker(marker or "")
                except MarkerError as found:
                    if marker and str(found) == str(error):
                        return package.line
        return None

    def _unknown(self, why: str) -> LockError:
        return LockError(
            Problem(
                code=Code.CP206,
                what=f"what `{self.source.path}` selects cannot be told",
                where=Where(path=self.source.path, line=self.line_of("metadata", "lock-version")),
                why=f"its lock-version is {self.lock_version[0]}.{self.lock_version[1]}: {why}",
                fix="poetry lock, with Poetry 2.0 or newer, which records what is selected",
            )
        )


def parse_poetry_lock(source: Source, pyproject: Pyproject | None = None) -> PoetryLock:
    """Read a `poetry.lock`; raise LockError (CP205), with the line where it is known, for what Poetry cannot read.

    Without `pyproject`, no package of the selection is known to be direct, and a lock from before lock-version 2.1
    cannot be asked what it selects.
    """
    table = parse_toml(source, FIX)
    try:
        metadata: dict[str, Any] = value_of(table, "metadata", dict, "")
        version = value_of(metadata, "lock-version", str, "metadata")
        extras: dict[str, Any] = value_of(table, "extras", dict, "", {})
        items: list[Any] = value_of(table, "package", list, "")
        lock = PoetryLock(
            source=source,
            lock_version=_read_version(source, version),
            python_versions=value_of(metadata, "python-versions", str, "metadata", "") or None,
            content_hash=value_of(metadata, "content-hash", str, "metadata", "") or None,
            extras={normalise(name): _names(extras, name) for name in extras},
            packages=(),
            root=None if pyproject is None else read_root(pyproject),
        )
    except ShapeError as error:
        raise _shape_error(source, error, find_line(source.text, *error.key.split("."))) from None
    return replace(lock, packages=_read_packages(source, items, metadata, has_groups=lock.is_marked))


def _read_version(source: Source, text: str) -> tuple[int, int]:
    match = _VERSION.fullmatch(text)
    major = int(match[1]) if match else None
    if match is None or major not in _KNOWN_MAJORS:
        is_newer = major is not None and major > _KNOWN_MAJORS[-1]
        raise lock_error(
            source,
            FIX,
            f"cannot be read{': made by a newer Poetry' if is_newer else ''}",
            f"wanted lock-version 1 or 2, found `{text}`",
            line=find_line(source.text, "metadata", "lock-version"),
            key="metadata.lock-version",
        )
    return int(match[1]), int(match[2] or 0)


def _read_packages(
    source: Source, items: list[Any], metadata: Mapping[str, Any], *, has_groups: bool
) -> tuple[PoetryPackage, ...]:
    lines: tuple[int | None, ...] = find_array_lines(source.text, "package")
    if len(lines) != len(items):
        lines = (None,) * len(items)
    packages = []
    for item, line in zip(items, lines, strict=True):
        try:
            packages.append(read_package(item, line, has_groups=has_groups))
        except ShapeError as error:
            raise _shape_error(source, error, line) from None
    try:
        return _with_old_files(packages, metadata)
    except ShapeError as error:
        raise _shape_error(source, error, find_line(source.text, *error.key.split("."))) from None


def _shape_error(source: Source, error: ShapeError, line: int | None) -> LockError:
    return lock_error(source, FIX, error.what, error.why, line=line, key=error.key)


def _names(table: Mapping[str, Any], key: str) -> frozenset[str]:
    names: list[Any] = value_of(table, key, list, "extras")
    if not all(isinstance(name, str) for name in names):
        raise ShapeError(f"extras.{key}", "an array of strings", names)
    return frozenset(normalise(name.partition(" ")[0].partition("[")[0]) for name in names)


def _with_old_files(packages: list[PoetryPackage], metadata: Mapping[str, Any]) -> tuple[PoetryPackage, ...]:
    """Return the packages with the files that lock-version 1.1 keeps in `metadata.files`, 1.0 in `metadata.hashes`."""
    files: dict[str, Any] = value_of(metadata, "files", dict, "metadata", {})
    hashes: dict[str, Any] = value_of(metadata, "hashes", dict, "metadata", {})
    by_name = {normalise(name): read_files(items, f"metadata.files.{name}") for name, items in files.items()}
    for name in hashes:
        values: list[Any] = value_of(hashes, name, list, "metadata.hashes")
        items = [{"file": value, "hash": value} for value in values]
        by_name.setdefault(normalise(name), read_files(items, f"metadata.hashes.{name}"))
    counts: dict[str, int] = {}
    for package in packages:
        counts[package.name] = counts.get(package.name, 0) + 1
    result = []
    for package in packages:
        found = package.files
        if found is None:
            found = by_name.get(package.name, ())
            if counts[package.name] > 1:
                found = tuple(file for file in found if _is_of_version(file, package.version))
        result.append(replace(package, files=found))
    return tuple(result)


def _is_of_version(file: LockedFile, version: str) -> bool:
    """Tell whether a file may be of that version; only a wheel of another one is known not to be."""
    from packaging.utils import parse_wheel_filename

    if not file.name.endswith(".whl"):
        return version.partition("+")[0] in file.name
    try:
        return str(parse_wheel_filename(file.name)[1]) == version
    except ValueError:
        return True
