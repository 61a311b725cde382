"""Do the locked versions of direct requirements satisfy them?

uv does not ask this of a lock whose requirements are unchanged: the version of a workspace member, of a path or git
dependency, or one that was edited by hand, may lie outside of what is required.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.marker_truth import is_possible
from cudapin.core.markers import FALSE, TRUE, Clause, Junction, MarkerError, conjunction, disjunction, parse_marker
from cudapin.core.specifiers import is_admitted
from cudapin.locks.uv.conflicts import encode, locked_conflicts
from cudapin.locks.uv.project import DYNAMIC_DEPENDENCIES
from cudapin.locks.uv.requires import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cudapin.core.markers import Marker
    from cudapin.core.python import PythonRange
    from cudapin.locks.uv.lock import UvLock
    from cudapin.locks.uv.model import UvEdge, UvPackage
    from cudapin.locks.uv.project import Declared, UvProject

__all__ = ["unsatisfied"]

_Conflicts = list[frozenset[str]]


def unsatisfied(
    lock: UvLock, project: UvProject, entry: UvPackage, python: PythonRange
) -> Iterator[tuple[Declared, str, str]]:
    """Yield each requirement with the name and the locked version that does not satisfy it, overrides left out."""
    conflicts = [
        frozenset(encode(kind, package, name) for package, kind, name in conflict)
        for conflict in locked_conflicts(lock.header)
    ]
    overridden = {item.get("name") for item in lock.header.get("manifest", {}).get("overrides", [])}
    for items, edges, scope in _sections(project, entry):
        by_name: dict[str, list[UvEdge]] = {}
        for edge in edges:
            by_name.setdefault(edge.name, []).append(edge)
        for item in items:
            requirement = parse_requirement(item)
            if not requirement.specifier or requirement.name in overridden:
                continue
            for edge in by_name.get(requirement.name, ()):
                for version in _versions(lock, edge):
                    if not is_admitted(version, requirement.specifier):
                        marker = parse_marker(requirement.marker) if requirement.marker else TRUE
                        if _can_meet(marker, edge, scope, conflicts, python):
                            yield item, requirement.name, version


def _sections(
    project: UvProject, entry: UvPackage
) -> Iterator[tuple[Iterable[Declared], Sequence[UvEdge], str | None]]:
    """Yield requirements, their edges, and what an edge marker calls the extra or group that both stand in."""
    if not project.dynamic.intersection(DYNAMIC_DEPENDENCIES):
        declared = list(project.dependencies())
        yield [item for item in declared if item.extra is None], entry.dependencies, None
        for extra, found in entry.optional_dependencies.items():
            yield [item for item in declared if item.extra == extra], found, encode("extra", entry.name, extra)
    for group, found in entry.dev_dependencies.items():
        yield project.groups.get(group, ()), found, encode("group", entry.name, group)


def _versions(lock: UvLock, edge: UvEdge) -> list[str]:
    return [
        package.version
        for package in lock.packages_named(edge.name)
        if package.version is not None
        and edge.version in {None, package.version}
        and edge.source in {None, package.source}
    ]


def _can_meet(marker: Marker, edge: UvEdge, scope: str | None, conflicts: _Conflicts, python: PythonRange) -> bool:
    """Tell whether requirement and edge can both apply, with no two extras or groups that conflict."""
    found = parse_marker(edge.marker) if edge.marker else TRUE
    found = _without_conflicts(found, frozenset({scope} - {None}), conflicts)
    try:
        return is_possible(conjunction(marker, found), python)
    except MarkerError:
        return False


def _without_conflicts(marker: Marker, wanted: frozenset[str | None], conflicts: _Conflicts) -> Marker:
    """Return a marker without the arms that ask for two things in conflict: uv fills those in as it likes.

    `wanted` is what all arms ask for.
    """
    parts = marker.parts if isinstance(marker, Junction) else (marker,)
    is_any = isinstance(marker, Junction) and marker.op == "or"
    if not is_any:
        wanted |= {part.value for part in parts if isinstance(part, Clause) and (part.key, part.op) == ("extra", "==")}
        if any(len(conflict & wanted) > 1 for conflict in conflicts):
            return FALSE
    kept = [
        part if isinstance(part, Clause) and not is_any else _without_conflicts(part, wanted, conflicts)
        for part in parts
    ]
    return disjunction(*kept) if is_any else conjunction(*kept)
