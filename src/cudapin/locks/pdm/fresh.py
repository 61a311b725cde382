"""Is a `pdm.lock` what `pdm lock` would still accept, and does it hold what the project asks for?

pdm compares one hash over its inputs (`Project.is_lockfile_fresh`, pdm 2.29), or with `lock_inputs` the inputs
themselves. Beyond that, every direct requirement must have a pin that satisfies it: a pin can be edited by hand.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

import tomli

from cudapin.core.locate import find_line
from cudapin.core.lock import LockVerdict, Pyproject
from cudapin.errors import Code, LockError, Where, sort_problems
from cudapin.locks.direct import dynamic_keys, judge_direct, judge_presence
from cudapin.locks.pdm.hash import content_hash, has_joined_group, is_workspace, tool_pdm
from cudapin.locks.pdm.inputs import judge_inputs
from cudapin.locks.pdm.lock import PDM_LOCK
from cudapin.locks.pdm.report import changed_hash, find_differences, find_doubles, missing_groups, unjudged
from cudapin.locks.pdm.requires import resolution_names
from cudapin.locks.pdm.specifiers import judge_specifiers
from cudapin.locks.pdm.target import fits_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.lock import Source
    from cudapin.errors import Problem
    from cudapin.locks.pdm.lock import PdmLock

__all__ = ["judge_pdm"]

_MAX_REPETITIONS = 12


class _UnknownError(Exception):
    """Nothing tells; the text says why."""


def judge_pdm(
    lock: PdmLock,
    pyproject: Pyproject,
    users: Sequence[Variant],
    read: Callable[[str], Source | None],
    environment: Mapping[str, str],
    find: Callable[[str], Iterable[str]] | None = None,
) -> LockVerdict:
    """Judge a lock for the variants that use it.

    `read` gives the text of a file by its path relative to the project, None where it is missing. `find` gives the
    directories with a `pyproject.toml` that a glob matches; without it the members of a workspace that are given as
    a glob cannot be told.
    """
    try:
        problems = _judge(lock, pyproject, users, read, environment, find)
    except _UnknownError as error:
        return LockVerdict(freshness="unknown", problems=(unjudged(lock, str(error), "pdm lock --check"),))
    except LockError as error:
        return LockVerdict(freshness="unknown", problems=error.problems)
    if any(problem.code is Code.CP206 for problem in problems):
        return LockVerdict(freshness="unknown", problems=sort_problems(problems))
    return LockVerdict(freshness="stale" if problems else "fresh", problems=sort_problems(problems))


def _judge(
    lock: PdmLock,
    pyproject: Pyproject,
    users: Sequence[Variant],
    read: Callable[[str], Source | None],
    environment: Mapping[str, str],
    find: Callable[[str], Iterable[str]] | None,
) -> list[Problem]:
    root, directory = _find_root(lock, pyproject, read)
    try:
        members, missing = _read_members(root, directory, pyproject, read, find)
        if dynamic := [problem for item in (root, *members.values()) if (problem := _dynamic(lock, item))]:
            return dynamic[:1]
        has_inputs = "lock_inputs" in lock.metadata
        differences = judge_inputs(lock, root, members) if has_inputs else _compare_hash(lock, root, members)
        if differences and missing:
            raise _UnknownError(f"the workspace member `{missing[0]}`, which it may have been made from, is not there")
        if has_inputs:
            differences = differences or list(judge_specifiers(lock, root, members))
    except (ValueError, RecursionError) as error:
        raise _UnknownError(str(error)) from error
    if doubles := list(find_doubles(lock)):
        return [*differences, *doubles]
    found = list(missing_groups(lock, pyproject, users))
    if has_inputs:
        return [*differences, *found]
    try:
        found += _judge_direct(lock, pyproject, users, environment)
    except LockError:
        if not differences:
            raise
    return _explain(lock, root, found, differences)


def _explain(lock: PdmLock, root: Pyproject, found: list[Problem], differences: list[Problem]) -> list[Problem]:
    """Return what shows that the inputs changed; only where nothing does, that their hash is another one."""
    return ([*found, *find_differences(lock, root)] or differences) if differences else found


def _find_root(lock: PdmLock, pyproject: Pyproject, read: Callable[[str], Source | None]) -> tuple[Pyproject, str]:
    """Return the project that the lock stands beside (a workspace's root for a member), and its directory."""
    directory = posixpath.dirname(lock.source.path)
    if posixpath.normpath(directory or ".") == ".":
        return pyproject, "."
    source = read(posixpath.join(directory, "pyproject.toml"))
    if source is None:
        return pyproject, "."
    return _parse(source), directory


def _read_members(
    root: Pyproject,
    directory: str,
    pyproject: Pyproject,
    read: Callable[[str], Source | None],
    find: Callable[[str], Iterable[str]] | None,
) -> tuple[Mapping[str, Pyproject], list[str]]:
    """Return the members of the workspace by their path relative to its root, and the paths that are not there."""
    if not is_workspace(root):
        return {}, []
    workspace = tool_pdm(root)["workspace"]
    patterns = workspace.get("members", []) if isinstance(workspace, dict) else []
    members, missing = {}, []
    for pattern in patterns if isinstance(patterns, list) else []:
        if not isinstance(pattern, str):
            raise _UnknownError("`tool.pdm.workspace.members` is no list of texts")
        place = posixpath.normpath(posixpath.join(directory, pattern))
        if not any(character in pattern for character in "*?["):
            paths: Iterable[str] = (place,)
        elif find is not None:
            paths = find(place)
        else:
            raise _UnknownError(
                f"which directories the glob `{pattern}` in `tool.pdm.workspace.members` means is not known"
            )
        for path in map(posixpath.normpath, paths):
            source = pyproject.source if path == "." else read(posixpath.join(path, "pyproject.toml"))
            name = posixpath.relpath(path, directory)
            if source is None:
                missing.append(name)
            else:
                members[name] = pyproject if path == "." else _parse(source)
    return members, missing


def _parse(source: Source) -> Pyproject:
    try:
        return Pyproject(source=source, table=tomli.loads(source.text.replace("\r\n", "\n")))
    except (ValueError, RecursionError) as error:
        raise _UnknownError(f"`{source.path}`, which it was made from, is not valid TOML") from error


def _dynamic(lock: PdmLock, project: Pyproject) -> Problem | None:
    """Say that only a build tells what a project with dynamic dependencies asks for: pdm locks none of them."""
    if "project" not in project.table:
        tool: Any = project.table.get("tool")
        if isinstance(tool, dict) and ("poetry" in tool or "flit" in tool):
            where = Where(path=project.source.path)
            return unjudged(lock, "pdm converts a project without `[project]` before it hashes it", PDM_LOCK, where)
        return None
    keys = dynamic_keys(project)
    if not keys:
        return None
    line = find_line(project.source.text, "project", "dynamic")
    where = Where(path=project.source.path, line=line, key="project.dynamic")
    why = f"`{keys[0]}` is dynamic, so only a build tells what the project asks for, and pdm locks nothing of it"
    return unjudged(lock, why, f"state `{keys[0]}` in `[project]`", where)


def _compare_hash(lock: PdmLock, root: Pyproject, members: Mapping[str, Pyproject]) -> list[Problem]:
    """Return a problem where the lock does not record the hash of the inputs as they are."""
    algorithm, digest = lock.content_hash
    wanted = content_hash(root, members, algorithm or "sha256")
    resolution = tool_pdm(root).get("resolution")
    asks_inputs = isinstance(resolution, dict) and resolution.get("lock_inputs") is True
    times = _MAX_REPETITIONS if has_joined_group(root) else 1
    is_equal = digest == wanted or any(
        digest == content_hash(root, members, algorithm or "sha256", repetitions=number)
        for number in range(2, times + 1)
    )
    if is_equal and digest and not asks_inputs:
        return []
    return [changed_hash(lock, f"{algorithm or 'sha256'}:{wanted}")]


def _judge_direct(
    lock: PdmLock, pyproject: Pyproject, users: Sequence[Variant], environment: Mapping[str, str]
) -> list[Problem]:
    """Judge the direct requirements, but for those that the project itself overrides or excludes."""
    waived = resolution_names(pyproject, "overrides") | resolution_names(pyproject, "excludes")
    names = frozenset(package.name for package in lock.packages) | waived
    absent = list(judge_presence(lock.source.path, pyproject, names, lock.groups, PDM_LOCK))
    targets = lock.metadata.get("targets", ())
    if targets and not any(fits_target(target, environment) for target in targets):
        return absent
    known = lock.groups
    judged = [u for u in users if known is None or known.issuperset((*(u.extra or ()), *(u.group or ())))]
    if users and not judged:
        return absent
    problems = judge_direct(lock, pyproject, judged, environment, PDM_LOCK)
    return [*absent, *(problem for problem in problems if problem.package not in waived)]
