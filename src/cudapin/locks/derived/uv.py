"""What `uv export` would write now: the selection of `uv.lock` for the options that a header records."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.core.lock import Request
from cudapin.core.markers import MarkerError
from cudapin.core.names import normalise
from cudapin.locks.derived.pins import Pin, pin_of, strong_hashes
from cudapin.locks.uv.select import _files as files_of
from cudapin.locks.uv.select import select_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cudapin.core.lock import Pyproject
    from cudapin.locks.derived.command import UvExport
    from cudapin.locks.uv.lock import UvLock
    from cudapin.locks.uv.model import UvEdge, UvPackage

__all__ = ["CannotDeriveError", "UvDerivation"]

_GROUPS_RECORDED_SINCE = 5


class CannotDeriveError(Exception):
    """What a source selects for a derived file cannot be told; the text says why."""


class UvDerivation:
    """One recorded `uv export` on one `uv.lock`.

    `derived` and the path of the lock are relative to the project. Raises CannotDeriveError for options and places
    that are not known here.
    """

    def __init__(self, lock: UvLock, export: UvExport, pyproject: Pyproject, derived: str) -> None:
        if export.unknown:
            options = ", ".join(f"`{option}`" for option in export.unknown)
            message = f"what its command means by {options} is not known"
            raise CannotDeriveError(message)
        self.lock, self.export, self.pyproject = lock, export, pyproject
        self.by_name = not derived.endswith(".toml")
        project = pyproject.table.get("project")
        self.project = normalise(str(project.get("name", ""))) if isinstance(project, dict) else ""
        self.members = self._members(derived)
        if len(self.members) > 1 and lock.header.get("conflicts"):
            message = "its command names several projects, and the lock has conflicts between some of them"
            raise CannotDeriveError(message)
        self.packages = [_without(package, frozenset(export.pruned)) for package in lock.packages]
        self._by_place = {(item.name, item.version, item.line): item for item in lock.packages}
        self._known_hashes: dict[int, frozenset[tuple[str, str]]] = {}

    @property
    def extras(self) -> frozenset[str]:
        """The extras that the export holds."""
        return frozenset().union(*(self._extras(member) for member in self.members))

    @property
    def groups(self) -> frozenset[str]:
        """The groups that the export holds."""
        return frozenset().union(*(self._groups(member) for member in self.members))

    def gone(self) -> list[str]:
        """Return the options that name an extra or group which the projects no longer have."""
        extras = frozenset().union(*(_all_extras(member) for member in self.members))
        groups = frozenset().union(*(_all_groups(member) for member in self.members))
        named = [*self.export.groups, *self.export.only_groups]
        return [f"--extra {name}" for name in self.export.extras if name not in extras] + [
            f"--group {name}" for name in named if name not in groups
        ]

    def pins(self, environment: Mapping[str, str]) -> tuple[Pin, ...]:
        """Return what the export would hold for an environment."""
        found: dict[Pin, None] = {}
        for member in self.members:
            found.update(dict.fromkeys(self._selected(member, environment)))
            if not self.export.is_without_project:
                found.update(dict.fromkeys(self._own(member)))
        return tuple(found)

    def is_supported(self, environment: Mapping[str, str]) -> bool:
        """Whether the environment is one of those that the lock was made for."""
        from cudapin.locks.requirements.pins import holds

        markers = self.lock.header.get("supported-markers", ())
        return not markers or any(holds(marker, environment) for marker in markers)

    def _selected(self, member: UvPackage, environment: Mapping[str, str]) -> Iterator[Pin]:
        """Yield what one project selects and the export writes; files are read once, not for each environment."""
        request = Request(extras=self._extras(member), groups=self._groups(member), environment=environment)
        start = next(item for item in self.packages if (item.name, item.line) == (member.name, member.line))
        if self.export.is_without_project:
            start = replace(start, edges=(), optional_dependencies={})
        try:
            selection, _ = select_packages(self.packages, start, request, lambda _: False)
        except MarkerError as error:
            raise CannotDeriveError(str(error)) from error
        own = {item.name for item in self.members}
        for selected in selection.packages:
            package = self._by_place[selected.name, selected.version, selected.line]
            is_local = selected.kind in ("directory", "path")
            is_written = self._emits(package) if is_local else selected.name not in self.export.left_out
            if selected.kind == "directory" and selected.name in own:
                if self.export.is_without_project:  # reached from a group that requires the project itself
                    yield from self._own(package)
            elif is_written:
                pin = replace(pin_of(selected), hashes=self._hashes(package))
                yield self._by_path(pin) if is_local and self.by_name else pin

    def _own(self, member: UvPackage) -> Iterator[Pin]:
        """Yield an exported project itself, where it is written and can be seen."""
        if self._emits(member) and self._is_seen(member):
            pin = Pin(name=member.name, line=member.line, address=member.source.value, is_local=True)
            yield self._by_path(pin) if self.by_name else pin

    def _is_seen(self, member: UvPackage) -> bool:
        """Whether the entry of an exported project is among the packages of the file: `Pylock.select` drops its own."""
        return self.by_name or (member.name != self.project and member.source.value != ".")

    def _hashes(self, package: UvPackage) -> frozenset[tuple[str, str]]:
        if id(package) not in self._known_hashes:
            self._known_hashes[id(package)] = strong_hashes(files_of(package))
        return self._known_hashes[id(package)]

    def _by_path(self, pin: Pin) -> Pin:
        """A requirements file calls a local project by its path alone."""
        return replace(pin, name=posixpath.normpath(pin.address or pin.name), version=None)

    def _emits(self, package: UvPackage) -> bool:
        """Whether a local project is written at all."""
        if package.source.kind == "virtual" or self.export.no_local or package.name in self.export.left_out:
            return False
        if self.export.no_workspace and package.name in self._workspace():
            return False
        is_project = package.name in {item.name for item in self.members} and _is_local(package)
        is_only = len(self.members) == 1 or package.source.value == "."
        return not (self.export.no_project and is_project and is_only)

    def _workspace(self) -> frozenset[str]:
        manifest = self.lock.header.get("manifest", {})
        listed = manifest.get("members", ()) if isinstance(manifest, dict) else ()
        alone = (package.name for package in self.lock.packages if package.source.value == "." and _is_local(package))
        return frozenset(listed) or frozenset(alone)

    def _members(self, derived: str) -> tuple[UvPackage, ...]:
        """Return the projects that are exported: those that the command names, else that of where it was run."""
        if self.export.all_packages:
            names = self._workspace()
            return tuple(package for package in self.lock.packages if package.name in names and _is_local(package))
        if self.export.packages:
            return tuple(self.lock.find_member(name) for name in self.export.packages)
        place = _place(derived, self.export.output)
        if place == ".":
            return (self.lock.find_member(self.project),)
        if place == posixpath.normpath(posixpath.dirname(self.lock.source.path) or "."):
            return (self.lock.find_member(),)
        message = f"its command was run in `{place}`, and which project that is cannot be told"
        raise CannotDeriveError(message)

    def _extras(self, member: UvPackage) -> frozenset[str]:
        chosen = _all_extras(member) if self.export.all_extras else frozenset(self.export.extras)
        return frozenset() if self.export.is_without_project else chosen - frozenset(self.export.no_extras)

    def _groups(self, member: UvPackage) -> frozenset[str]:
        export = self.export
        if export.is_without_project:
            chosen = frozenset((*export.only_groups, *(("dev",) if export.only_dev else ())))
        elif export.all_groups:
            chosen = _all_groups(member)
        else:
            default = frozenset[str]() if export.no_default_groups else self._default_groups(member)
            chosen = default | frozenset(export.groups)
        left_out = frozenset((*export.no_groups, *(("dev",) if export.no_dev else ())))
        return chosen - left_out

    def _default_groups(self, member: UvPackage) -> frozenset[str]:
        """Return uv's default groups: of this project as `pyproject.toml` says, of another as the lock records."""
        listed: object = member.default_groups
        if member.name == self.project:
            tool = self.pyproject.table.get("tool")
            uv = tool.get("uv") if isinstance(tool, dict) else None
            listed = uv.get("default-groups", ["dev"]) if isinstance(uv, dict) else ["dev"]
        elif self.lock.revision < _GROUPS_RECORDED_SINCE and _all_groups(member):
            message = f"which groups of `{member.name}` are exported by default is not in `{self.lock.source.path}`"
            raise CannotDeriveError(message)
        if listed == "all":
            return _all_groups(member)
        names = listed if isinstance(listed, (list, frozenset, tuple)) else ()
        return frozenset(normalise(name) for name in names if isinstance(name, str))


def _place(derived: str, output: str | None) -> str:
    """Return the directory, relative to the project, in which a command wrote the derived file as `output`."""
    if output is None or posixpath.isabs(output):
        return "."
    output = posixpath.normpath(output.replace("\\", "/"))
    if output == derived:
        return "."
    place = derived.removesuffix(output)
    return posixpath.normpath(place) if place != derived and place.endswith("/") else "."


def _is_local(package: UvPackage) -> bool:
    return package.source.kind in ("editable", "virtual", "directory")


def _all_extras(member: UvPackage) -> frozenset[str]:
    return member.metadata.provides_extras | frozenset(member.optional_dependencies)


def _all_groups(member: UvPackage) -> frozenset[str]:
    return frozenset(member.metadata.groups) | frozenset(member.dev_dependencies)


def _without(package: UvPackage, pruned: frozenset[str]) -> UvPackage:
    """Return a package without its edges to pruned ones."""
    if not pruned:
        return package

    def kept(edges: tuple[UvEdge, ...]) -> tuple[UvEdge, ...]:
        return tuple(edge for edge in edges if edge.name not in pruned)

    return replace(
        package,
        edges=kept(package.dependencies),
        optional_dependencies={name: kept(edges) for name, edges in package.optional_dependencies.items()},
        dev_dependencies={name: kept(edges) for name, edges in package.dev_dependencies.items()},
    )
