"""Which packages of a `pdm.lock` one environment with its extras and groups gets.

With the strategy `inherit_metadata` (the default) every entry says for which groups and under which marker it is
installed. Without it pdm resolves again, from the project's requirements through the recorded dependencies; that
walk is here too, without the search that a resolver would do: a lock that would need one cannot be told.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cudapin.core.lock import Fork, LockedPackage, Selection
from cudapin.core.markers import TRUE, MarkerError, disjunction, parse_marker, render_marker
from cudapin.core.names import normalise
from cudapin.errors import Code, LockError, Problem, Where
from cudapin.locks.direct import parse_requirement
from cudapin.locks.pdm.hash import pdm_normalise
from cudapin.locks.pdm.package import name_of_line
from cudapin.locks.pdm.requires import find_index, group_requirements, resolution_names
from cudapin.locks.pdm.target import fits_target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from packaging.markers import Marker as PackagingMarker
    from packaging.requirements import Requirement

    from cudapin.core.lock import Request
    from cudapin.core.markers import Marker
    from cudapin.locks.pdm.lock import PdmLock
    from cudapin.locks.pdm.package import PdmPackage

__all__ = ["select_packages"]

_Key = tuple[str, frozenset[str]]
"""Name and extras."""


def select_packages(lock: PdmLock, request: Request, files_for: Callable[[str], bool]) -> Selection:
    """Return what pdm would install of the lock.

    Raises LockError where pdm would refuse or nothing tells (CP206), and MarkerError for a marker without an answer.
    """
    targets = lock.metadata.get("targets", ())
    if targets and not any(fits_target(target, request.environment) for target in targets):
        raise _no_target(lock, targets, request.environment)
    environment = {**request.environment, "extra": ""}
    groups = frozenset({"default", *map(pdm_normalise, request.extras | request.groups)})
    excluded = resolution_names(lock.pyproject, "excludes")
    read_by_pdm = {package.key: package for package in lock.packages}
    known = [package for package in read_by_pdm.values() if package.name not in excluded]
    if "inherit_metadata" in lock.strategy:
        candidates = [p for p in known if p.groups is None or p.groups & groups]
        entries = {(p.name, p.extras): p for p in candidates if _holds(p.marker, environment)}
    else:
        candidates = known
        entries = _Walk(lock, known, environment).run(groups)
    return _selection(lock, entries.values(), candidates, groups, environment, files_for)


def _selection(
    lock: PdmLock,
    entries: Iterable[PdmPackage],
    candidates: Sequence[PdmPackage],
    groups: frozenset[str],
    environment: Mapping[str, str],
    files_for: Callable[[str], bool],
) -> Selection:
    """Join the entries of a package with and without extras, and add what a selection says of each."""
    by_name: dict[str, list[PdmPackage]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
    required = {
        name: {other for other in _required(found, environment) if other in by_name and other != name}
        for name, found in by_name.items()
    }
    if lock.pyproject is None:
        direct = by_name.keys() - set().union(*required.values())
    else:
        direct = {name for line in group_requirements(lock.pyproject, sorted(groups)) if (name := name_of_line(line))}
    packages = []
    for name, found in sorted(by_name.items()):
        entry = min(found, key=lambda item: len(item.extras))
        packages.append(
            LockedPackage(
                name=name,
                version=entry.version,
                kind=entry.kind,
                index=find_index(entry, lock.pyproject),
                files=entry.files if files_for(name) else (),
                line=entry.line,
                direct=name in direct,
                origin=entry.address,
                dependencies=tuple(sorted(required[name])),
            )
        )
    return Selection(packages=tuple(packages), forks=_forks(candidates, direct))


def _required(entries: Iterable[PdmPackage], environment: Mapping[str, str]) -> set[str]:
    """Return the names of what the recorded dependencies ask for in an environment."""
    found = set()
    for line in (line for entry in entries for line in entry.dependencies):
        requirement = _requirement(line)
        marker = str(requirement.marker) if requirement is not None and requirement.marker is not None else None
        if (name := name_of_line(line)) is not None and _holds(marker, environment):
            found.add(name)
    return found


def _forks(candidates: Iterable[PdmPackage], names: Collection[str]) -> dict[str, tuple[Fork, ...]]:
    """Return every version that the lock gives to these names in any environment, with its marker."""
    markers: dict[str, dict[str, Marker]] = {}
    for package in candidates:
        if package.name in names and package.version is not None:
            marker = TRUE if package.marker is None else parse_marker(package.marker)
            versions = markers.setdefault(package.name, {})
            known = versions.get(package.version)
            versions[package.version] = marker if known is None else disjunction(known, marker)
    return {
        name: tuple(
            Fork(version=version, marker=None if marker == TRUE else render_marker(marker))
            for version, marker in versions.items()
        )
        for name, versions in sorted(markers.items())
    }


class _Walk:
    """From the requirements of the project through the recorded dependencies, in one environment."""

    def __init__(self, lock: PdmLock, packages: Iterable[PdmPackage], environment: Mapping[str, str]) -> None:
        self.lock = lock
        self.environment = environment
        self.by_key: dict[_Key, list[PdmPackage]] = {}
        for package in packages:
            if _holds(package.marker, environment):
                self.by_key.setdefault((package.name, package.extras), []).append(package)
        self.skipped = resolution_names(lock.pyproject, "excludes") | {self._project()}
        self.overridden = resolution_names(lock.pyproject, "overrides")

    def run(self, groups: frozenset[str]) -> dict[_Key, PdmPackage]:
        """Return the entries that are reached, by name and extras."""
        if self.lock.pyproject is None:
            raise self._unknown("it records no groups, and there is no `pyproject.toml` that says what is asked for")
        reached: dict[_Key, PdmPackage] = {}
        todo = list(group_requirements(self.lock.pyproject, sorted(groups)))
        asked: dict[str, list[Requirement]] = {}
        later: dict[_Key, None] = {}
        while todo or later:
            if not todo:  # by now all that is asked of it is known
                key = next(iter(later))
                del later[key]
                reached[key] = self._choose(key, asked.get(key[0], []))
                todo += reached[key].dependencies
                continue
            line = todo.pop()
            requirement, name = _requirement(line), name_of_line(line)
            if name is None or name in self.skipped or (requirement is not None and not self._applies(requirement)):
                continue
            if requirement is not None:
                asked.setdefault(name, []).append(requirement)
            key = (name, frozenset(map(normalise, requirement.extras)) if requirement else frozenset())
            if key in self.by_key and key not in reached:
                later[key] = None
        return reached

    def _applies(self, requirement: Requirement) -> bool:
        return requirement.marker is None or _holds(str(requirement.marker), self.environment)

    def _choose(self, key: _Key, asked: Iterable[Requirement]) -> PdmPackage:
        """Return the only entry that satisfies all that is asked."""
        found = self.by_key[key]
        if len(found) > 1 and key[0] not in self.overridden:
            asked = list(asked)
            found = [p for p in found if all(_satisfies(p, requirement) for requirement in asked)]
        if len(found) != 1:
            raise self._unknown(f"it holds several `{key[0]}`, and nothing says which of them this environment gets")
        return found[0]

    def _project(self) -> str:
        project = self.lock.pyproject.table.get("project") if self.lock.pyproject else None
        return normalise(str(project.get("name", ""))) if isinstance(project, dict) else ""

    def _unknown(self, why: str) -> LockError:
        path = self.lock.source.path
        return LockError(
            Problem(
                code=Code.CP206,
                what=f"what `{path}` selects cannot be told",
                where=Where(path=path, line=self.lock.line_of("metadata", "strategy"), key="metadata.strategy"),
                why=why,
                fix="pdm lock -S inherit_metadata",
            )
        )


def _no_target(lock: PdmLock, targets: Sequence[Mapping[str, str]], environment: Mapping[str, str]) -> LockError:
    recorded = ("requires_python", "platform", "implementation")
    shown = "; ".join(" ".join(target[key] for key in recorded if target.get(key)) for target in targets)
    asked = ("python_full_version", "sys_platform", "platform_machine", "implementation_name")
    wanted = " ".join(environment[key] for key in asked if environment.get(key))
    path = lock.source.path
    return LockError(
        Problem(
            code=Code.CP206,
            what=f"`{path}` was not made for this environment",
            where=Where(path=path, line=lock.line_of("metadata", "targets"), key="metadata.targets"),
            why=f"wanted a target for `{wanted}`, found `{shown}`",
            fix="pdm lock --append --python … --platform …",
        )
    )


def _satisfies(package: PdmPackage, requirement: Requirement) -> bool:
    return package.version is None or requirement.specifier.contains(package.version, prereleases=True)


@lru_cache(maxsize=4096)
def _requirement(line: str) -> Requirement | None:
    return parse_requirement(line)


@lru_cache(maxsize=4096)
def _packaging_marker(text: str) -> PackagingMarker:
    from packaging.markers import Marker as PackagingMarker

    return PackagingMarker(render_marker(parse_marker(text)))


def _holds(marker: str | None, environment: Mapping[str, str]) -> bool:
    """Evaluate a marker; raise MarkerError for one that has no answer."""
    if marker is None:
        return True
    from packaging.markers import InvalidMarker, UndefinedComparison, UndefinedEnvironmentName

    try:
        return _packaging_marker(marker).evaluate(dict(environment))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName) as error:
        message = f"`{marker}` has no answer"
        raise MarkerError(message) from error
