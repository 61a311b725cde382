"""`uv.lock`, the universal lock file of uv: text to packages, and what it selects for one environment.

Written against version 1 of the format (`crates/uv-resolver/src/lock` of uv 0.12 and 0.13). Revisions only add, so
every revision is read. A lock file has no content hash; `fresh` compares what it records of its inputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cudapin.core.locate import find_line
from cudapin.core.markers import MarkerError
from cudapin.errors import Code, LockError, Problem, Where
from cudapin.locks.uv.conflicts import check_conflicts, check_reached
from cudapin.locks.uv.consistency import check_consistency
from cudapin.locks.uv.package import read_package
from cudapin.locks.uv.select import select_packages
from cudapin.locks.uv.shape import check_shape
from cudapin.locks.uv.text import lock_error, read_lock_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.core.lock import LockFormat, Request, Selection, Source
    from cudapin.locks.uv.model import UvPackage

__all__ = ["UvLock", "parse_uv_lock"]


@dataclass(frozen=True, kw_only=True)
class UvLock:
    """A `uv.lock`: its packages in the order of the file, and `header`, all the rest, with checked types."""

    source: Source
    header: Mapping[str, Any]
    packages: tuple[UvPackage, ...]
    format: LockFormat = "uv"

    @property
    def revision(self) -> int:
        """The revision of the format; 0 for the first uv versions that wrote it."""
        revision: int = self.header.get("revision", 0)
        return revision

    def line_of(self, *path: str) -> int | None:
        """Return the line of a key before the first `[[package]]`."""
        return find_line(self.source.text.partition("\n[[package]]")[0], *path)

    def packages_named(self, name: str) -> tuple[UvPackage, ...]:
        """Return all packages of a normalised name."""
        return tuple(self._by_name.get(name, ()))

    @cached_property
    def _by_name(self) -> Mapping[str, list[UvPackage]]:
        found: dict[str, list[UvPackage]] = {}
        for package in self.packages:
            found.setdefault(package.name, []).append(package)
        return found

    def find_member(self, project: str | None = None) -> UvPackage:
        """Return the entry of a workspace member by its normalised name, without a name that of the workspace root.

        Raises LockError (CP206) when the lock does not hold it.
        """
        local = [p for p in self.packages if p.source.kind in {"editable", "virtual", "directory"}]
        if project is None:
            found = [p for p in local if p.source.value == "."] or local[:1] * (len(local) == 1)
        else:
            found = [p for p in local if p.name == project]
        if len(found) == 1:
            return found[0]
        name = "the workspace root" if project is None else f"`{project}`"
        names = ", ".join(f"`{p.name}`" for p in local) or "no local project at all"
        raise LockError(
            Problem(
                code=Code.CP206,
                what=f"`{self.source.path}` does not lock {name}",
                where=Where(path=self.source.path),
                why=f"wanted an entry for {name}, the lock holds {names}",
                fix="uv lock",
            )
        )

    def extras(self, project: str | None = None) -> frozenset[str]:
        """Return the normalised names of the extras that the project's entry provides."""
        member = self.find_member(project)
        return member.metadata.provides_extras | frozenset(member.optional_dependencies)

    def groups(self, project: str | None = None) -> frozenset[str]:
        """Return the normalised names of the dependency groups of the project's entry."""
        member = self.find_member(project)
        return frozenset(member.metadata.groups) | frozenset(member.dev_dependencies)

    def select(
        self,
        request: Request,
        project: str | None = None,
        files_for: Callable[[str], bool] = lambda name: True,  # noqa: ARG005
    ) -> Selection:
        """Return what `uv export --frozen` would give for the project in the requested environment.

        Extras and groups that do not exist select nothing. `files` are read only for names that `files_for` accepts.
        Raises LockError when the project is not in the lock (CP206) or a marker in it cannot be read (CP205), and
        ConfigError (CP106) when the lock was made for never having two of the extras and groups together.
        """
        member = self.find_member(project)
        where = None
        if self.header.get("conflicts"):
            where = Where(path=self.source.path, line=self.line_of("conflicts"), key="conflicts")
            check_conflicts(self.header, member.name, request, where)
        try:
            selection, active = select_packages(self.packages, member, request, files_for)
        except MarkerError as error:
            raise lock_error(self.source, "holds a marker that cannot be read", str(error)) from error
        if where is not None:
            check_reached(self.header, active, where)
        return selection


def parse_uv_lock(source: Source) -> UvLock:
    """Read a `uv.lock`; raise LockError (CP205), with the line where it is known, for anything that is none."""
    table, lines = read_lock_table(source)
    version = table.get("version")
    if type(version) is not int or version != 1:
        line = find_line(source.text, "version") if version is not None else None
        quoted = f'"{version}"' if isinstance(version, str) else str(version)
        found = "none" if version is None else f"`{quoted}`"
        newer = ": it was made by a newer uv" if type(version) is int and version > 1 else ""
        raise lock_error(
            source,
            f"has a format version that is not known{newer}",
            f"wanted `version = 1`, found {found}",
            line=line,
            key="version",
        )
    check_shape(source, table, lines)
    packages = []
    for item, line in zip(table.get("package", ()), lines, strict=False):
        try:
            packages.append(read_package(item, line))
        except ValueError as error:
            what = f"has an entry that cannot be read: `{item['name']}`"
            raise lock_error(source, what, str(error), line=line, key="package") from error
    check_consistency(source, packages)
    header = {key: value for key, value in table.items() if key != "package"}
    return UvLock(source=source, header=header, packages=tuple(packages))
