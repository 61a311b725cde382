"""Do the pins of a `pdm.lock` satisfy every requirement, wherever the lock is for? Asked where no hash answers it.

For each requirement and each target of the lock: every entry that may be installed there satisfies the specifier,
and the entries together leave no environment without one (`_all_specifiers_match` in pdm 2.29).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.locate import find_line
from cudapin.core.marker_truth import is_possible
from cudapin.core.markers import FALSE, TRUE, Clause, MarkerError, conjunction, disjunction, negation, parse_marker
from cudapin.core.names import normalise
from cudapin.core.python import ANY_PYTHON, parse_python_range
from cudapin.errors import Code, Problem, Where
from cudapin.locks.direct import parse_requirement
from cudapin.locks.pdm.lock import PDM_LOCK
from cudapin.locks.pdm.requires import group_requirements, resolution_names
from cudapin.locks.pdm.target import platform_of_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

    from cudapin.core.lock import Pyproject
    from cudapin.core.markers import Marker
    from cudapin.core.python import PythonRange
    from cudapin.locks.pdm.lock import PdmLock
    from cudapin.locks.pdm.package import PdmPackage

__all__ = ["judge_specifiers"]


def judge_specifiers(lock: PdmLock, root: Pyproject, members: Mapping[str, Pyproject]) -> Iterator[Problem]:
    """Yield a problem for each requirement of the locked groups that the pins do not satisfy.

    Raises ValueError where the markers are too many to compare.
    """
    waived = resolution_names(root, "overrides") | resolution_names(root, "excludes")
    regions = [_region(target) for target in lock.metadata.get("targets", ({"requires_python": ""},))]
    asked = [(root, group) for group in sorted(lock.groups or {"default"})]
    by_name: dict[str, list[PdmPackage]] = {}
    for package in lock.packages:
        by_name.setdefault(package.name, []).append(package)
    for project, group in [*asked, *((member, "default") for member in members.values())]:
        for line in group_requirements(project, [group]):
            requirement = parse_requirement(line)
            if requirement is None or (name := normalise(requirement.name)) in waived:
                continue
            entries = [p for p in by_name.get(name, ()) if p.groups is None or group in p.groups]
            try:
                yield from _judge_one(lock, project, group, requirement, entries, regions)
            except MarkerError as error:
                raise ValueError(str(error)) from error


def _judge_one(
    lock: PdmLock,
    project: Pyproject,
    group: str,
    requirement: Requirement,
    entries: list[PdmPackage],
    regions: list[tuple[Marker, PythonRange]],
) -> Iterator[Problem]:
    wanted = TRUE if requirement.marker is None else parse_marker(str(requirement.marker))
    for platform, python in regions:
        region = conjunction(wanted, platform)
        if not is_possible(region, python):
            continue
        here = [p for p in entries if is_possible(conjunction(region, _marker(p)), python)]
        covered: Marker = FALSE
        for package in here:
            covered = disjunction(covered, _marker(package))
            if not _satisfies(package, requirement):
                found = f"the lock has `{package.version}` at {lock.source.path}:{package.line or '?'}"
                yield _problem(lock, project, group, requirement, Code.CP204, found)
                return
        if is_possible(conjunction(region, negation(covered)), python):
            yield _problem(
                lock, project, group, requirement, Code.CP201, f"the lock has no `{requirement.name}` for that"
            )
            return


def _problem(
    lock: PdmLock, project: Pyproject, group: str, requirement: Requirement, code: Code, found: str
) -> Problem:
    is_missing = code is Code.CP201
    key = ("project", "dependencies") if group == "default" else ("project",)
    what = "does not pin" if is_missing else "locks a version that does not satisfy"
    return Problem(
        code=code,
        what=f"`{lock.source.path}` {what} what group `{group}` asks for",
        where=Where(path=project.source.path, line=find_line(project.source.text, *key), key=".".join(key)),
        why=f"wanted `{requirement}`, {found}",
        fix=PDM_LOCK,
        package=normalise(requirement.name),
    )


def _satisfies(package: PdmPackage, requirement: Requirement) -> bool:
    if requirement.url is not None or package.version is None:
        return True
    from packaging.version import InvalidVersion

    try:
        return requirement.specifier.contains(package.version, prereleases=True)
    except InvalidVersion:
        return False


def _marker(package: PdmPackage) -> Marker:
    return TRUE if package.marker is None else parse_marker(package.marker)


def _region(target: Mapping[str, str]) -> tuple[Marker, PythonRange]:
    python = parse_python_range(target.get("requires_python", "")) or ANY_PYTHON
    platform = platform_of_target(target["platform"]) if target.get("platform") else None
    return (TRUE if platform is None else Clause("sys_platform", "==", platform[0])), python
