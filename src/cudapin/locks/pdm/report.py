"""Why a `pdm.lock` is stale: the hash does not say what changed, so what the lock shows is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.locate import find_line
from cudapin.core.python import parse_python_range
from cudapin.errors import Code, Problem, Where
from cudapin.locks.pdm.lock import PDM_LOCK
from cudapin.locks.pdm.package import name_of_line
from cudapin.locks.pdm.requires import all_groups, group_requirements, resolution_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.lock import Pyproject
    from cudapin.locks.pdm.lock import PdmLock
    from cudapin.locks.pdm.package import PdmPackage

__all__ = ["changed_hash", "find_differences", "find_doubles", "missing_groups", "unjudged"]

_ALL_GROUPS = "pdm lock -G :all"


def missing_groups(lock: PdmLock, pyproject: Pyproject, users: Sequence[Variant]) -> Iterator[Problem]:
    """Yield a problem for each variant that selects an extra or group that the lock was not made for."""
    if lock.groups is None:
        return
    for user in users:
        missing = [name for name in (*(user.extra or ()), *(user.group or ())) if name not in lock.groups]
        if missing:
            key = f"tool.cudapin.variants.{user.name}"
            line = find_line(pyproject.source.text, "tool", "cudapin", "variants", user.name)
            yield Problem(
                code=Code.CP201,
                what=f"`{lock.source.path}` was not made for variant `{user.name}`",
                where=Where(path=pyproject.source.path, line=line, key=key),
                why=f"wanted the groups {name_list(missing)}, the lock has {name_list(sorted(lock.groups))} "
                f"at {_place(lock, 'groups')}",
                fix=_ALL_GROUPS,
            )


def find_differences(lock: PdmLock, pyproject: Pyproject) -> Iterator[Problem]:
    """Yield what the lock shows of older inputs: groups, the range of Python, packages nothing asks for any more."""
    known = all_groups(pyproject)
    gone = sorted(group for group in lock.groups or () if group not in known)
    if gone:
        yield _stale(
            lock,
            "groups",
            "was made for groups that are gone",
            f"wanted {name_list(sorted(known))}, found {name_list(gone)}",
        )
    targets = lock.metadata.get("targets", ())
    project = pyproject.table.get("project")
    python = project.get("requires-python", "") if isinstance(project, dict) else ""
    if len(targets) == 1 and "platform" not in targets[0] and isinstance(python, str):
        found = targets[0]["requires_python"]
        if not _is_same_range(found, python):
            line = find_line(pyproject.source.text, "project", "requires-python")
            yield Problem(
                code=Code.CP201,
                what=f"`{lock.source.path}` was made for other versions of Python",
                where=Where(path=pyproject.source.path, line=line, key="project.requires-python"),
                why=f"wanted `{python}`, the lock has `{found}` at {_place(lock, 'targets')}",
                fix=PDM_LOCK,
            )
    if not {"overrides", "workspace"} & _kinds(pyproject):
        yield from _surplus(lock, pyproject)


def _kinds(pyproject: Pyproject) -> set[str]:
    tool = pyproject.table.get("tool")
    pdm = tool.get("pdm") if isinstance(tool, dict) else None
    found = {"workspace"} if isinstance(pdm, dict) and pdm.get("workspace") else set()
    return found | ({"overrides"} if resolution_names(pyproject, "overrides") else set())


def _surplus(lock: PdmLock, pyproject: Pyproject) -> Iterator[Problem]:
    asked = {name_of_line(line) for line in group_requirements(pyproject, sorted(all_groups(pyproject)))}
    asked |= {name_of_line(line) for package in lock.packages for line in package.dependencies if not package.extras}
    asked |= {
        name
        for package in lock.packages
        for line in package.dependencies
        if (name := name_of_line(line)) != package.name
    }
    for package in lock.packages:
        if package.name not in asked and not package.extras:
            yield Problem(
                code=Code.CP201,
                what=f"`{lock.source.path}` locks `{package.name}`, which nothing asks for any more",
                where=Where(path=lock.source.path, line=package.line, key=package.name),
                why=f"wanted only what `{pyproject.source.path}` and the locked packages require, "
                f"found `{package.name} {package.version}`",
                fix=PDM_LOCK,
                package=package.name,
            )


def find_doubles(lock: PdmLock) -> Iterator[Problem]:
    """Yield a problem for each package that stands in the lock twice: pdm reads only the last of such entries.

    pdm 2.29 writes them for several targets where the locked version has a local part that no requirement names.
    """
    first: dict[object, PdmPackage] = {}
    for package in lock.packages:
        known = first.setdefault(package.key, package)
        if (known.marker, known.groups) == (package.marker, package.groups):
            continue
        path, shown = lock.source.path, f"{package.name} {package.recorded or package.address}"
        yield Problem(
            code=Code.CP201,
            what=f"`{path}` holds `{shown}` twice, and pdm reads only the last",
            where=Where(path=path, line=known.line, key=package.name),
            why=f"wanted one entry, found another marker or other groups at {path}:{package.line or '?'}",
            fix=f'name the full version in `pyproject.toml` (`"{package.name}=={package.version}"`), then `{PDM_LOCK}`',
            package=package.name,
        )


def changed_hash(lock: PdmLock, wanted: str) -> Problem:
    """Return the problem of a lock that shows no difference but its hash."""
    algorithm, digest = lock.content_hash
    if not digest:
        why = f"wanted `{wanted}`, found no hash of the inputs at all"
        return _stale(lock, "content_hash", "does not say what it was made from", why)
    why = (
        f"wanted `{wanted}`, found `{algorithm}:{digest}`: something in `dependencies`, `optional-dependencies`, "
        "`requires-python`, `dependency-groups` or `tool.pdm` (`dev-dependencies`, `source`, `resolution`) changed"
    )
    return _stale(lock, "content_hash", "was made from other inputs", why)


def unjudged(lock: PdmLock, why: str, fix: str, where: Where | None = None) -> Problem:
    """Return the problem (CP206) of a lock of which it cannot be told whether it is fresh."""
    path = lock.source.path
    return Problem(
        code=Code.CP206,
        what=f"whether `{path}` is fresh cannot be told",
        where=where or Where(path=path),
        why=why,
        fix=fix,
    )


def _stale(lock: PdmLock, key: str, what: str, why: str) -> Problem:
    where = Where(path=lock.source.path, line=lock.line_of("metadata", key), key=f"metadata.{key}")
    return Problem(code=Code.CP201, what=f"`{lock.source.path}` {what}", where=where, why=why, fix=PDM_LOCK)


def _place(lock: PdmLock, key: str) -> str:
    line = lock.line_of("metadata", key)
    return lock.source.path if line is None else f"{lock.source.path}:{line}"


def _is_same_range(locked: str, wanted: str) -> bool:
    """Tell whether a target is what PDM makes of `requires-python`: it writes `>=3.10` as `~=3.10`, Python 4 aside."""
    found, range_ = parse_python_range(locked.replace("*", "")), parse_python_range(wanted.replace("*", ""))
    below_4 = parse_python_range("<4")
    if found is None or range_ is None or below_4 is None:
        return True  # what cannot be compared is no reason
    return found.intersect(below_4) == range_.intersect(below_4)
