"""What a `poetry.lock` selects for one request.

Lock-version 2.1 (`Transaction.calculate_operations`): a package is installed when the marker of one of the chosen
groups holds, `extra == '...'` in it being the project's own extras. Before 2.1 Poetry solves again with the locked
packages alone: the walk starts from what the project asks for, and of several versions of a name takes the highest
that all requirements on it allow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.index import is_default_index, strip_credentials
from cudapin.core.lock import Fork, LockedFile, LockedPackage, Selection
from cudapin.core.markers import (
    FALSE,
    TRUE,
    MarkerError,
    assign_extras,
    conjunction,
    disjunction,
    parse_marker,
    render_marker,
)
from cudapin.locks.poetry.root import MAIN
from cudapin.locks.poetry.truth import Truth
from cudapin.locks.poetry.walk import AmbiguousError, Walk, accepts, required_edges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cudapin.core.lock import Request
    from cudapin.core.markers import Marker
    from cudapin.locks.poetry.package import PoetryPackage
    from cudapin.locks.poetry.root import PoetryRoot, RootRequirement

__all__ = ["select_marked", "select_walked"]


def select_marked(
    packages: Iterable[PoetryPackage], root: PoetryRoot | None, request: Request, files_for: Callable[[str], bool]
) -> Selection:
    """Select by the groups and markers of each package; raise MarkerError where one cannot be read."""
    truth = Truth(request.environment)
    chosen = [
        package
        for package in packages
        if any(truth.holds(package.marker_of(group), request.extras) for group in _groups_of(package, request))
    ]
    wanted = [] if root is None else list(root.chosen(request.extras, request.groups))
    forks = {}
    for name in sorted({item.name for item in wanted}):
        markers = {
            package: disjunction(
                *(_marker(package.marker_of(group), request.extras) for group in _groups_of(package, request))
            )
            for package in packages
            if package.name == name
        }
        forks[name] = _forks(markers)
    return _selection(chosen, wanted, truth, request, files_for, forks)


def select_walked(
    packages: Sequence[PoetryPackage],
    root: PoetryRoot | None,
    request: Request,
    files_for: Callable[[str], bool],
    project: str | None,
) -> Selection:
    """Select by a walk from what the project asks for; raise AmbiguousError where it leads to no single result."""
    if root is None or not root.is_complete:
        raise AmbiguousError("what it selects depends on what the project asks for, which cannot be read")
    truth = Truth(request.environment)
    wanted = [
        item
        for item in root.of_groups(request.groups)
        # Poetry before 2.0 installed what is not optional, also where an extra names it.
        if item.name != project and (not item.is_optional or item.in_extras & request.extras)
    ]
    walk = Walk(packages, wanted, truth, request.extras)
    forks = {}
    for name in sorted({item.name for item in wanted}):
        items = [item for item in wanted if item.name == name]
        markers = {
            package: disjunction(*(_all(item.markers, request.extras) for item in items if accepts(package, item)))
            for package in packages
            if package.name == name
        }
        forks[name] = _forks(markers)
    return _selection(walk.run(), wanted, truth, request, files_for, forks)


def _groups_of(package: PoetryPackage, request: Request) -> list[str]:
    return sorted((package.groups or frozenset()) & {MAIN, *request.groups})


def _marker(text: str | None, extras: frozenset[str]) -> Marker:
    return TRUE if text is None else assign_extras(parse_marker(text), extras)


def _all(texts: Iterable[str], extras: frozenset[str]) -> Marker:
    return conjunction(*(_marker(text, extras) for text in texts))


def _forks(markers: Mapping[PoetryPackage, Marker]) -> tuple[Fork, ...]:
    by_version: dict[str, Marker] = {}
    for package, marker in markers.items():
        if marker != FALSE:
            by_version[package.version] = disjunction(by_version.get(package.version, FALSE), marker)
    return tuple(
        Fork(version=version, marker=None if marker == TRUE else render_marker(marker))
        for version, marker in by_version.items()
    )


def _selection(
    chosen: Iterable[PoetryPackage],
    wanted: Iterable[RootRequirement],
    truth: Truth,
    request: Request,
    files_for: Callable[[str], bool],
    forks: Mapping[str, tuple[Fork, ...]],
) -> Selection:
    """Turn packages into a selection: who is direct, and who requires whom."""
    chosen = sorted(chosen, key=lambda package: (package.name, package.version))
    names = {package.name for package in chosen}
    active: dict[str, frozenset[str]] = {}
    for item in wanted:
        if _holds(item, truth, request.extras):
            active[item.name] = active.get(item.name, frozenset()) | item.extras
    required = _required(chosen, active, truth)
    direct = {item.name for item in wanted}
    return Selection(
        packages=tuple(
            LockedPackage(
                name=package.name,
                version=package.version,
                kind=package.kind,
                index=_index(package),
                files=_files(package) if files_for(package.name) else (),
                line=package.line,
                direct=package.name in direct,
                origin=_origin(package),
                dependencies=tuple(sorted(required[index] & names)),
            )
            for index, package in enumerate(chosen)
        ),
        forks=forks,
    )


def _holds(item: RootRequirement, truth: Truth, extras: frozenset[str]) -> bool:
    """Tell whether a requirement of the project counts here; one that cannot be evaluated does not."""
    try:
        return all(truth.holds(marker, extras) for marker in item.markers)
    except MarkerError:
        return False


def _required(chosen: list[PoetryPackage], active: dict[str, frozenset[str]], truth: Truth) -> list[frozenset[str]]:
    """Return the names that each package requires, with the extras that the others ask of it."""
    todo = list(range(len(chosen)))
    positions: dict[str, list[int]] = {}
    for index, package in enumerate(chosen):
        positions.setdefault(package.name, []).append(index)
    required: list[frozenset[str]] = [frozenset()] * len(chosen)
    while todo:
        index = todo.pop()
        package = chosen[index]
        edges = list(required_edges(package, truth, active.get(package.name, frozenset())))
        required[index] = frozenset(edge.name for edge in edges)
        for edge in edges:
            known = active.get(edge.name, frozenset())
            if not edge.extras <= known:
                active[edge.name] = known | edge.extras
                todo += positions.get(edge.name, [])
    return required


def _origin(package: PoetryPackage) -> str | None:
    if package.kind == "registry" or package.url is None:
        return None
    return f"{package.url}#{package.commit}" if package.commit else package.url


def _index(package: PoetryPackage) -> str | None:
    if package.kind != "registry" or package.url is None or is_default_index(package.url):
        return None
    return strip_credentials(package.url)


def _files(package: PoetryPackage) -> tuple[LockedFile, ...]:
    files = package.files or ()
    if package.kind != "url" or package.url is None:
        return files
    address = strip_credentials(package.url)
    if not files:
        return (LockedFile(name=address.partition("#")[0].rpartition("/")[2], url=address, hashes={}),)
    return tuple(LockedFile(name=file.name, url=address, hashes=file.hashes) for file in files)
