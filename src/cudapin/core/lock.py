"""What every lock format is turned into: packages, what a variant selects of them, and a verdict on freshness."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.errors import Problem

__all__ = [
    "Fork",
    "Freshness",
    "Lock",
    "LockFormat",
    "LockVerdict",
    "LockedFile",
    "LockedPackage",
    "Pyproject",
    "Request",
    "Selection",
    "Source",
    "UvInputs",
]

LockFormat = Literal["uv", "pylock", "poetry", "pdm", "requirements"]
Freshness = Literal["fresh", "stale", "unknown", "missing"]
SourceKind = Literal["registry", "git", "url", "path", "directory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text of a file and its path relative to the project root, with forward slashes."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyproject:
    """One parsed `pyproject.toml`; `directory` is relative to the workspace root (`.` for the root itself)."""

    source: Source
    table: Mapping[str, Any]
    directory: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class UvInputs:
    """All that uv reads to decide whether a `uv.lock` is up to date, user and system settings left out.

    `members` starts with the workspace root. `settings` is the `[tool.uv]` table or the `uv.toml` that counts by
    uv's rule (the nearest directory that has one); `project` names the member that is being built.
    `path_dependencies` are projects outside the workspace that the lock takes from a directory: uv reads them too;
    `path_workspaces` are the workspaces, each with its root first, that some of them belong to. `place` holds the
    last names of the workspace root's own path, as many as a path in the lock climbs up.
    """

    members: tuple[Pyproject, ...]
    settings: Mapping[str, Any]
    settings_path: str | None
    project: str = "."
    path_dependencies: tuple[Pyproject, ...] = ()
    path_workspaces: tuple[tuple[Pyproject, ...], ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to select: extras, dependency groups and the environment markers (PEP 508 names) of the target."""

    extras: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFile:
    """One artefact of a locked package: file name, address where recorded, hashes by algorithm."""

    name: str
    url: str | None
    hashes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One locked package as selected. `index` is the index (or directory) it comes from, None for the default one."""

    name: str
    version: str | None
    kind: SourceKind = "registry"
    index: str | None = None
    files: tuple[LockedFile, ...] = ()
    line: int | None = None
    direct: bool = False
    origin: str | None = None
    """Where a package that no index has comes from: an address, with the commit where it is git's, or a path."""
    dependencies: tuple[str, ...] = ()
    """Names of the selected packages that this one requires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """One direct requirement as locked: its version under a marker (None: always)."""

    version: str
    marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a lock selects for one request, sorted by name; the project itself is not part of it.

    `forks` holds, for each direct name, every version that the lock gives it in any environment.
    """

    packages: tuple[LockedPackage, ...]
    forks: Mapping[str, tuple[Fork, ...]] = field(default_factory=dict)

    def find(self, name: str) -> LockedPackage | None:
        """Return the package of that normalised name, or None."""
        return next((package for package in self.packages if package.name == name), None)

    def closure(self, names: frozenset[str]) -> frozenset[str]:
        """Return the names and everything they require, as far as it is selected."""
        by_name = {package.name: package for package in self.packages}
        seen: set[str] = set()
        todo = [name for name in names if name in by_name]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo.extend(required for required in by_name[name].dependencies if required in by_name)
        return frozenset(seen)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockVerdict:
    """Fresh, stale, unknown or missing, with the problems that say why (warnings may come with a fresh one)."""

    freshness: Freshness
    problems: tuple[Problem, ...] = ()


class Lock(Protocol):
    """A parsed lock file."""

    @property
    def format(self) -> LockFormat:
        """The name of the format."""

    @property
    def source(self) -> Source:
        """The file it was read from."""

    def select(self, request: Request, project: str | None = None, files_for: Callable[[str], bool] = ...) -> Selection:
        """Return what the owning tool would install; raise LockError where that cannot be told.

        `project` is the normalised name of the project, for a lock of several. `files` may be left empty for
        packages whose name `files_for` does not accept.
        """
