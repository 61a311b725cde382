"""The walk through a `uv.lock`: which packages one environment with its extras and groups gets.

The steps are those of `Installable::to_resolution` in `crates/uv-resolver`:

1. the project, its chosen extras and its chosen groups are the start, and are *active*;
2. an edge counts where its marker holds, with `extra == 'extra-4-demo-cpu'`, `'group-...'` and `'project-...'`
   (written where the lock has conflicts) read as whether that extra, group or project is active, the extras that
   the edge itself brings among them;
3. an edge with `extra = [...]` also leads into those optional dependencies, and makes them active;
4. since what is active grows on the way, the walk is repeated with all that the one before has found.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cudapin.core.index import is_default_index
from cudapin.core.lock import Fork, LockedPackage, Selection
from cudapin.core.markers import FALSE, TRUE, assign_extras, conjunction, disjunction, parse_marker, render_marker
from cudapin.locks.uv.conflicts import encode
from cudapin.locks.uv.package import read_file
from cudapin.locks.uv.text import WheelText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.markers import Marker as PackagingMarker

    from cudapin.core.lock import LockedFile, Request, SourceKind
    from cudapin.core.markers import Marker
    from cudapin.locks.uv.model import UvEdge, UvPackage

__all__ = ["select_packages"]

_MAX_PASSES = 10
_KINDS: Mapping[str, SourceKind] = {
    "registry": "registry",
    "git": "git",
    "url": "url",
    "path": "path",
    "directory": "directory",
    "editable": "directory",
    "virtual": "directory",
}


def select_packages(
    packages: Iterable[UvPackage], member: UvPackage, request: Request, files_for: Callable[[str], bool]
) -> tuple[Selection, frozenset[str]]:
    """Return what the member, with the extras and groups of the request, selects in its environment.

    With it comes what is active then: the extras, groups and projects, as `conflicts.encode` spells them.
    """
    walk = _Walk(packages, member, request)
    start = _start_edges(member, request)
    direct = {edge.name for edge in start}
    selected = [
        _locked_package(package, names, direct, files_for) for package, names in walk.run(start) if package != member
    ]
    forks = {name: walk.forks([edge for edge in start if edge.name == name]) for name in sorted(direct - {member.name})}
    found = tuple(sorted(selected, key=lambda p: (p.name, p.version or "")))
    return Selection(packages=found, forks=forks), walk.active


def _start_edges(member: UvPackage, request: Request) -> list[UvEdge]:
    edges = list(member.dependencies)
    for extra in sorted(request.extras):
        edges += member.optional_dependencies.get(extra, ())
    for group in sorted(request.groups):
        edges += member.dev_dependencies.get(group, ())
    return edges


class _Walk:
    """One request on one lock: the packages by name, and what is active."""

    def __init__(self, packages: Iterable[UvPackage], member: UvPackage, request: Request) -> None:
        self.by_name: dict[str, list[UvPackage]] = {}
        for package in packages:
            self.by_name.setdefault(package.name, []).append(package)
        self.member = member
        self.environment = {**request.environment, "extra": ""}
        self.active = frozenset(
            {encode("project", member.name, "")}
            | {encode("extra", member.name, extra) for extra in request.extras}
            | {encode("group", member.name, group) for group in request.groups}
        )
        self.truth: dict[tuple[str, frozenset[str]], bool] = {}

    def run(self, start: Sequence[UvEdge]) -> Iterator[tuple[UvPackage, tuple[str, ...]]]:
        """Yield each selected package with the names of what it requires."""
        for _ in range(_MAX_PASSES):
            reached, active = self._pass(start)
            if active == self.active:
                break
            self.active = active
            self.truth.clear()
        for package, required in reached.values():
            yield package, tuple(sorted(required))

    def _pass(self, start: Sequence[UvEdge]) -> tuple[dict[int, tuple[UvPackage, set[str]]], frozenset[str]]:
        reached: dict[int, tuple[UvPackage, set[str]]] = {}
        active = set(self.active)
        seen: set[tuple[int, str]] = {(id(self.member), "")}
        queue: list[tuple[UvPackage, Iterable[UvEdge]]] = [(self.member, start)]
        while queue:
            package, edges = queue.pop()
            required = reached.setdefault(id(package), (package, set()))[1]
            for edge in edges:
                brought = [encode("extra", edge.name, extra) for extra in edge.extras]
                if not self._holds(edge.marker, self.active.union(brought) if brought else self.active):
                    continue
                required.add(edge.name)
                for target in self._targets(edge):
                    for extra in ("", *edge.extras):
                        if (id(target), extra) not in seen:
                            seen.add((id(target), extra))
                            found = target.optional_dependencies.get(extra, ()) if extra else target.dependencies
                            queue.append((target, found))
                    active.update(encode("extra", target.name, extra) for extra in edge.extras)
        return reached, frozenset(active)

    def _targets(self, edge: UvEdge) -> list[UvPackage]:
        return [
            package
            for package in self.by_name.get(edge.name, ())
            if edge.version in {None, package.version} and edge.source in {None, package.source}
        ]

    def _holds(self, marker: str | None, active: frozenset[str]) -> bool:
        if marker is None:
            return True
        if (marker, active) not in self.truth:
            rest = assign_extras(parse_marker(marker), active)
            self.truth[marker, active] = rest == TRUE or (rest != FALSE and self._evaluate(rest))
        return self.truth[marker, active]

    def _evaluate(self, marker: Marker) -> bool:
        return _packaging_marker(render_marker(marker)).evaluate(self.environment)

    def forks(self, edges: Iterable[UvEdge]) -> tuple[Fork, ...]:
        """Return the versions that these edges lead to in any environment, each with its marker."""
        markers: dict[str, Marker] = {}
        for edge in edges:
            marker = assign_extras(parse_marker(edge.marker), self.active) if edge.marker else TRUE
            for target in self._targets(edge):
                if target.version is not None and marker != FALSE:
                    known = markers.get(target.version, FALSE)
                    markers[target.version] = disjunction(known, conjunction(marker))
        return tuple(
            Fork(version=version, marker=None if marker == TRUE else render_marker(marker))
            for version, marker in markers.items()
        )


@lru_cache(maxsize=4096)
def _packaging_marker(text: str) -> PackagingMarker:
    from packaging.markers import Marker as PackagingMarker

    return PackagingMarker(text)


def _locked_package(
    package: UvPackage, required: tuple[str, ...], direct: set[str], files_for: Callable[[str], bool]
) -> LockedPackage:
    kind, address = package.source
    is_foreign = kind == "registry" and not is_default_index(address)
    return LockedPackage(
        name=package.name,
        version=package.version,
        kind=_KINDS[kind],
        index=address if is_foreign else None,
        files=_files(package) if files_for(package.name) else (),
        line=package.line,
        direct=package.name in direct,
        origin=None if kind == "registry" else address,
        dependencies=required,
    )


def _files(package: UvPackage) -> tuple[LockedFile, ...]:
    found: list[LockedFile] = []
    for part in (package.sdist, package.wheels):
        if isinstance(part, WheelText):
            found += map(read_file, part.tables())
        elif part is not None:
            found += part if isinstance(part, tuple) else (part,)
    return tuple(found)
