"""The project side of a `uv.lock`: workspace members as uv reads their `pyproject.toml`.

Names are normalised here, `include-group` is resolved, and whatever cannot be read as uv reads it raises
UnjudgeableError: then nobody can tell without uv whether the lock is fresh.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from cudapin.core.names import normalise
from cudapin.core.python import parse_python_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cudapin.core.lock import Pyproject, UvInputs

__all__ = ["DYNAMIC_DEPENDENCIES", "Declared", "UnjudgeableError", "UvProject", "UvWorkspace"]

T = TypeVar("T")

DYNAMIC_DEPENDENCIES = ("dependencies", "optional-dependencies")
"""The fields of `project.dynamic` that a lock depends on and that a build may have to tell."""


class UnjudgeableError(ValueError):
    """Something in a project file keeps the lock from being judged; `key` is where, `item` what of an array there."""

    def __init__(self, why: str, *key: str, item: str | None = None) -> None:
        super().__init__(why)
        self.key = key
        self.item = item


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A requirement as written, the extra or group it stands in, and the Python range that its group adds."""

    text: str
    key: tuple[str, ...]
    extra: str | None = None
    group: str | None = None
    python: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UvProject:
    """One `pyproject.toml` with typed access; `directory` is relative to the workspace root."""

    pyproject: Pyproject

    def get(self, kind: type[T], *path: str) -> T | None:
        """Return the value at a key path, None when it is missing; raise UnjudgeableError for another type."""
        value: Any = self.pyproject.table
        for depth, key in enumerate(path):
            if not isinstance(value, dict):
                raise UnjudgeableError("it is not a table", *path[:depth])
            if key not in value:
                return None
            value = value[key]
        if not isinstance(value, kind):
            raise UnjudgeableError("it has the wrong type", *path)
        return value

    def strings(self, *path: str) -> list[str]:
        """Return the array of strings at a key path, empty when it is missing."""
        items = self.get(list, *path) or []
        if not all(isinstance(item, str) for item in items):
            raise UnjudgeableError("it is not an array of strings", *path)
        return items

    @property
    def directory(self) -> str:
        """The directory of the project, relative to the workspace root."""
        return self.pyproject.directory

    @cached_property
    def name(self) -> str | None:
        """The normalised name, None for a workspace root that is no project."""
        name = self.get(str, "project", "name")
        return None if name is None else normalise(name)

    @cached_property
    def dynamic(self) -> frozenset[str]:
        """The fields of `project.dynamic`."""
        return frozenset(self.strings("project", "dynamic"))

    @cached_property
    def sources(self) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
        """`tool.uv.sources`, each as a list."""
        found: dict[str, tuple[Mapping[str, Any], ...]] = {}
        for name, value in (self.get(dict, "tool", "uv", "sources") or {}).items():
            items = value if isinstance(value, list) else [value]
            if not all(isinstance(item, dict) for item in items):
                raise UnjudgeableError("it is not a table", "tool", "uv", "sources", name)
            found[normalise(name)] = tuple(items)
        return found

    def is_package(self, *, is_required: bool) -> bool:
        """Tell whether uv builds the project: `tool.uv.package`, else a build system or another member's need."""
        explicit = self.get(bool, "tool", "uv", "package")
        return explicit if explicit is not None else is_required or "build-system" in self.pyproject.table

    def dependencies(self) -> Iterator[Declared]:
        """Yield `project.dependencies` and `project.optional-dependencies`."""
        for text in self.strings("project", "dependencies"):
            yield Declared(text=text, key=("project", "dependencies"))
        for extra in self.get(dict, "project", "optional-dependencies") or {}:
            key = ("project", "optional-dependencies", extra)
            for text in self.strings(*key):
                yield Declared(text=text, key=key, extra=normalise(extra))

    @cached_property
    def extras(self) -> frozenset[str]:
        """The normalised names of the extras."""
        return frozenset(map(normalise, self.get(dict, "project", "optional-dependencies") or {}))

    @cached_property
    def groups(self) -> Mapping[str, tuple[Declared, ...]]:
        """The dependency groups with all that they include, and the legacy `tool.uv.dev-dependencies` in `dev`."""
        flat: dict[str, tuple[Declared, ...]] = {}
        for name in self._included_first:
            flat[name] = tuple(dict.fromkeys(self._flatten(name, flat)))
        legacy = ("tool", "uv", "dev-dependencies")
        if self.get(list, *legacy) is not None:
            dev = [Declared(text=text, key=legacy, group="dev") for text in self.strings(*legacy)]
            flat["dev"] = (*flat.get("dev", ()), *dev)
        return flat

    @property
    def groups_as_written(self) -> frozenset[str]:
        """The normalised names in `[dependency-groups]`, without the legacy ones."""
        return frozenset(self._raw_groups)

    @cached_property
    def _raw_groups(self) -> Mapping[str, str]:
        """Normalised names of the groups to their names as written."""
        return {normalise(name): name for name in self.get(dict, "dependency-groups") or {}}

    def includes(self, group: str) -> list[str]:
        """Return the groups that a group includes directly."""
        items = self.get(list, "dependency-groups", self._raw_groups.get(group, group)) or []
        return [
            normalise(item["include-group"])
            for item in items
            if isinstance(item, dict) and isinstance(item.get("include-group"), str)
        ]

    @cached_property
    def _included_first(self) -> tuple[str, ...]:
        """The groups, each after those that it includes; groups may be nested deeper than Python would recurse."""
        ordered: dict[str, None] = {}
        for start in self._raw_groups:
            path = {start: None}
            while path:
                group = next(reversed(path))
                inner = next((name for name in self.includes(group) if name not in ordered), None)
                if inner is None:
                    ordered[group] = None
                    path.pop(group)
                elif inner in path or inner not in self._raw_groups:
                    key = ("dependency-groups", self._raw_groups.get(inner, inner))
                    raise UnjudgeableError("a group that it includes is missing, or includes itself", *key)
                else:
                    path[inner] = None
        return tuple(ordered)

    def _flatten(self, group: str, flat: Mapping[str, tuple[Declared, ...]]) -> Iterator[Declared]:
        """Yield what a group holds; those that it includes are in `flat`."""
        key = ("dependency-groups", self._raw_groups[group])
        python = self.group_python(group)
        for item in self.get(list, *key) or []:
            if isinstance(item, str):
                found: tuple[Declared, ...] = (Declared(text=item, key=key),)
            elif isinstance(item, dict) and isinstance(item.get("include-group"), str):
                found = flat[normalise(item["include-group"])]
            else:
                raise UnjudgeableError("it holds something that is neither a requirement nor an include", *key)
            for declared in found:
                pythons = (*declared.python, python) if python else declared.python
                yield Declared(text=declared.text, key=declared.key, group=group, python=pythons)

    def group_python(self, group: str) -> str | None:
        """Return `tool.uv.dependency-groups.<group>.requires-python`."""
        for name in self.get(dict, "tool", "uv", "dependency-groups") or {}:
            if normalise(name) == group:
                return self.get(str, "tool", "uv", "dependency-groups", name, "requires-python")
        return None

    @cached_property
    def group_pythons(self) -> Mapping[str, tuple[str, ...]]:
        """The specifiers of each group and of all that it includes; one that is included twice counts twice."""
        found: dict[str, tuple[str, ...]] = {}
        for group in self._included_first:
            own = self.group_python(group)
            included = (text for name in self.includes(group) for text in found[name])
            found[group] = (*included, *([own] if own else []))
        return found


class UvWorkspace:
    """All members by name, the root first, and the projects outside that the lock takes from a directory."""

    def __init__(self, inputs: UvInputs, lock_workspace: UvWorkspace | None = None) -> None:
        self.root = UvProject(pyproject=inputs.members[0])
        self.others = [UvProject(pyproject=pyproject) for pyproject in inputs.members[1:]]
        self.settings = inputs.settings
        self.place = inputs.place
        self.path_dependencies = [UvProject(pyproject=pyproject) for pyproject in inputs.path_dependencies]
        self._inputs = inputs
        self._lock_workspace = lock_workspace or self

    def workspace_of(self, project: UvProject) -> UvWorkspace:
        """Return the workspace whose sources and indexes count for a project: a path dependency has its own."""
        if project not in self.path_dependencies:
            return self
        for members in self._inputs.path_workspaces:
            if any(self.join(member.directory) == self.join(project.directory) for member in members):
                return UvWorkspace(replace(self._inputs, members=members), self)
        return UvWorkspace(replace(self._inputs, members=(project.pyproject,)), self)

    def join(self, directory: str, path: str = ".") -> str:
        """Return a path that starts in a directory, relative to the root of the lock, in its shortest form.

        One that leaves the root and comes back, such as `../root/part` for a root that is called `root`, is `part`.
        """
        joined = posixpath.normpath(posixpath.join(directory, path.replace("\\", "/")))
        climbs = joined.split("/").count("..")
        if not climbs:
            return joined
        # Names above those that are known cannot be met: nothing in a path is called like these.
        home = "/" + "\\/" * climbs + self.place
        return posixpath.relpath(posixpath.join(home, joined), home)

    def find_path(self, path: str) -> UvProject | None:
        """Return the project, of any workspace that is known, in a directory relative to the root of the lock."""
        path = self.join(path)
        return next((project for project in self._known if self.join(project.directory) == path), None)

    @cached_property
    def _known(self) -> list[UvProject]:
        lock = self._lock_workspace
        others = [UvProject(pyproject=pyproject) for members in self._inputs.path_workspaces for pyproject in members]
        return [*lock.members.values(), *lock.path_dependencies, *others]

    @cached_property
    def members(self) -> Mapping[str, UvProject]:
        """The members that are projects; a root without `[project]` is none."""
        self.root.get(dict, "tool", "uv", "workspace")
        found: dict[str, UvProject] = {}
        for project in (self.root, *self.others):
            if project.name is not None:
                found[project.name] = project
            elif project is not self.root:
                raise UnjudgeableError("a workspace member has no static `project.name`", "project", "name")
        return found

    @cached_property
    def required(self) -> Mapping[str, bool | None]:
        """Members that a `workspace = true` source names, with its `editable`."""
        found: dict[str, bool | None] = {}
        for project in (self.root, *self.others):
            for name, sources in project.sources.items():
                for source in sources:
                    if source.get("workspace") is True and name != project.name:
                        found[name] = found.get(name) if found.get(name) is not None else source.get("editable")
        return found

    def source_kind(self, member: UvProject) -> str:
        """Return the kind of source that uv gives the member's entry: virtual, editable or directory."""
        name = member.name or ""
        if not member.is_package(is_required=name in self.required):
            return "virtual"
        return "directory" if self.required.get(name) is False else "editable"

    def python_specifiers(self) -> list[tuple[UvProject, str]]:
        """Return `requires-python` of every member that has one."""
        found = []
        for project in self.members.values():
            specifier = project.get(str, "project", "requires-python")
            if specifier is not None:
                if parse_python_range(specifier) is None:
                    raise UnjudgeableError(f"`{specifier}` is no version specifier", "project", "requires-python")
                found.append((project, specifier))
        return found
