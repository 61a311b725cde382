"""Is a `pylock.toml` what the tool that made it would still accept?

The standard records nothing of the inputs, so who made the file decides what can be said:

- pdm: the content hash in `[tool.pdm]`, and every direct requirement is pinned and satisfied. `pdm export` records
  the hash of the `pyproject.toml` that it found, whatever its own lock was made from, so an export made from a stale
  `pdm.lock` is only caught by its pins;
- `uv pip compile`, and hatch, which calls it without the header: the rule of compiled requirements
  (`requirements.fresh`) on the inputs that the command names, else on the project with what its variants select;
- `pip lock` and every other tool: each direct requirement whose marker holds here is pinned and satisfied. Nothing
  tells of a requirement that was removed or loosened, of another index, or of what holds on other platforms only;
- an export of `uv.lock` or another lock is as fresh as that lock, and is not judged here.

`requires-python` of the lock is no input: `uv pip compile` writes there the Python that it ran on. An environment
outside of it is one that the lock says nothing about, so there no verdict is possible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.locate import find_line
from cudapin.core.lock import LockVerdict, Request
from cudapin.core.names import normalise
from cudapin.errors import Code, LockError, Problem, Where, sort_problems
from cudapin.locks.direct import direct_requirements, dynamic_keys, judge_direct, judge_presence, parse_requirement
from cudapin.locks.pylock.pins import find_foreign_wheel, is_compiled, read_pins
from cudapin.locks.requirements.fresh import judge_compiled
from cudapin.locks.requirements.inputs import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.lock import Pyproject, Source
    from cudapin.locks.pylock.lock import Pylock

__all__ = ["judge_pylock"]

_MAX_REPETITIONS = 12


def judge_pylock(
    lock: Pylock,
    pyproject: Pyproject,
    users: Sequence[Variant],
    read: Callable[[str], Source | None],
    environment: Mapping[str, str],
) -> LockVerdict:
    """Judge the lock for the variants that use it. `read` gives the text of an input file, None if it is missing."""
    try:
        verdict = _judge(lock, pyproject, users, read, environment)
    except LockError as error:
        verdict = LockVerdict(freshness="unknown", problems=error.problems)
    if lock.minor:
        verdict = LockVerdict(freshness=verdict.freshness, problems=(*verdict.problems, _newer_format(lock)))
    return verdict


def _judge(
    lock: Pylock,
    pyproject: Pyproject,
    users: Sequence[Variant],
    read: Callable[[str], Source | None],
    environment: Mapping[str, str],
) -> LockVerdict:
    project = normalise(str(table_of(pyproject.table, "project").get("name", "")))
    stale = list(_missing_keys(lock, pyproject, users))
    if lock.document.created_by == "pdm":
        found = _judge_pdm(lock, pyproject, users, environment)
    else:
        names = frozenset(
            package.name
            for extras, groups in _requests(users)
            for package in lock.select(Request(extras=extras, groups=groups, environment=environment), project).packages
        )
        pins = read_pins(lock, project)
        is_universal = pins.inputs.is_universal and is_compiled(lock)
        wheel = None if is_universal else find_foreign_wheel(lock, names, environment)
        if wheel is not None and (text := _marked(pyproject, users)) is not None:
            return LockVerdict(freshness="unknown", problems=(_made_elsewhere(lock, wheel, text),))
        if is_compiled(lock):
            found = judge_compiled(pins, pyproject, users, read, environment)
        else:
            found = _judge_by_pins(lock, pyproject, users, environment)
    if stale or found.freshness == "stale":
        known = found.problems if found.freshness == "stale" else ()
        return LockVerdict(freshness="stale", problems=sort_problems([*stale, *known]))
    return found


def _requests(users: Sequence[Variant]) -> list[tuple[frozenset[str], frozenset[str]]]:
    chosen = {(frozenset(user.extra or ()), frozenset(user.group or ())) for user in users}
    return sorted(chosen or {(frozenset(), frozenset())}, key=lambda pair: [sorted(part) for part in pair])


def _judge_by_pins(
    lock: Pylock, pyproject: Pyproject, users: Sequence[Variant], environment: Mapping[str, str]
) -> LockVerdict:
    """Judge a lock that records nothing of its inputs."""
    problems = judge_direct(lock, pyproject, users, environment, lock.remake)
    if problems:
        return LockVerdict(freshness="stale", problems=problems)
    return _unless_dynamic(lock, pyproject)


def _judge_pdm(
    lock: Pylock, pyproject: Pyproject, users: Sequence[Variant], environment: Mapping[str, str]
) -> LockVerdict:
    """Judge by the content hash, which is exact, and by the pins, which it says nothing of."""
    from cudapin.locks.pdm.hash import tool_pdm

    try:
        wanted, found = _hashes_of_pdm(lock, pyproject)
        resolution = table_of(tool_pdm(pyproject), "resolution")
    except ValueError as error:
        return LockVerdict(freshness="unknown", problems=(_unknown(lock, str(error)),))
    excludes = resolution.get("excludes")
    moved = {*table_of(resolution, "overrides"), *(excludes if isinstance(excludes, list) else ())}
    moved = {normalise(name) for name in moved if isinstance(name, str)}
    problems = [
        problem for problem in _direct_of_pdm(lock, pyproject, users, environment) if problem.package not in moved
    ]
    names = moved.union(package.name for package in lock.document.packages)
    covered = {normalise(name) for name in (*(lock.document.extras or ()), *(lock.document.dependency_groups or ()))}
    problems += judge_presence(lock.source.path, pyproject, names, covered, lock.remake)
    if found != wanted:
        problems.append(_other_hash(lock, wanted, found))
    if problems:
        return LockVerdict(freshness="stale", problems=sort_problems(problems))
    return _unless_dynamic(lock, pyproject)


def _hashes_of_pdm(lock: Pylock, pyproject: Pyproject) -> tuple[str, str]:
    """Return the content hash of the project and that of the lock; raise ValueError where there is none to compare.

    pdm counts a group that stands in two tables once more for each time that it looks at the project, so any such
    hash is accepted.
    """
    from cudapin.locks.pdm.hash import content_hash, has_joined_group, is_workspace

    hashes = lock.tool("pdm").get("hashes")
    algorithm, found = next(iter(hashes.items()), ("", "")) if isinstance(hashes, dict) else ("", "")
    if not algorithm or not isinstance(found, str):
        raise ValueError("it records no content hash")
    if is_workspace(pyproject):
        raise ValueError("its content hash is of all members of a workspace, and they are not read")
    if "project" not in pyproject.table:
        raise ValueError("pdm converts a project without `[project]` before it hashes it")
    times = _MAX_REPETITIONS if has_joined_group(pyproject) else 1
    wanted = [content_hash(pyproject, None, algorithm, repetitions=number) for number in range(1, times + 1)]
    return found if found in wanted else wanted[0], found


def _direct_of_pdm(
    lock: Pylock, pyproject: Pyproject, users: Sequence[Variant], environment: Mapping[str, str]
) -> tuple[Problem, ...]:
    """Judge the direct requirements, unless the lock is not for this environment: its hash is for all of them."""
    try:
        return judge_direct(lock, pyproject, users, environment, lock.remake)
    except LockError as error:
        if all(problem.code is Code.CP206 for problem in error.problems):
            return ()
        raise


def _unless_dynamic(lock: Pylock, pyproject: Pyproject) -> LockVerdict:
    """Return fresh, unless requirements are dynamic: no file says what they are."""
    reasons = [f"`project.{key}` is dynamic, so what it holds is not in any file" for key in dynamic_keys(pyproject)]
    if reasons:
        return LockVerdict(freshness="unknown", problems=tuple(_unknown(lock, reason) for reason in reasons))
    return LockVerdict(freshness="fresh")


def _missing_keys(lock: Pylock, pyproject: Pyproject, users: Sequence[Variant]) -> Iterator[Problem]:
    """The extras and groups that select a variant must be among those that the lock lists, where it lists any."""
    keys = (
        ("extras", lock.document.extras, [(user, user.extra) for user in users]),
        ("dependency-groups", lock.document.dependency_groups, [(user, user.group) for user in users]),
    )
    for key, listed, wanted in keys:
        known = {normalise(name) for name in listed or ()}
        for user, names in wanted:
            missing = [name for name in names or () if normalise(name) not in known]
            if listed is not None and missing:
                found = name_list(sorted(known)) or "none"
                path = ("tool", "cudapin", "variants", user.name)
                yield Problem(
                    code=Code.CP201,
                    what=f"`{lock.source.path}` was not made for variant `{user.name}`",
                    where=Where(
                        path=pyproject.source.path, line=find_line(pyproject.source.text, *path), key=".".join(path)
                    ),
                    why=f"wanted {name_list(missing)} in `{key}` of the lock, found {found}",
                    fix=lock.remake,
                )


def _marked(pyproject: Pyproject, users: Sequence[Variant]) -> str | None:
    """Return a direct requirement that is only asked for in some environments."""
    for extras, groups in _requests(users):
        for item in direct_requirements(pyproject, extras, groups):
            requirement = parse_requirement(item.text)
            if requirement is not None and requirement.marker is not None:
                return item.text
    return None


def _made_elsewhere(lock: Pylock, wheel: str, text: str) -> Problem:
    why = f"it was made for another Python or platform (`{wheel}`), and the marker of `{text}` is judged for this one"
    return _unknown(lock, why)


def _other_hash(lock: Pylock, wanted: str, found: str) -> Problem:
    key = "tool.pdm.hashes"
    return Problem(
        code=Code.CP201,
        what=f"`{lock.source.path}` was made from another `pyproject.toml`",
        where=Where(path=lock.source.path, line=find_line(lock.source.text, *key.split(".")), key=key),
        why=f"wanted the content hash `{wanted[:12]}…`, found `{found[:12]}…`",
        fix=lock.remake,
    )


def _unknown(lock: Pylock, why: str) -> Problem:
    return Problem(
        code=Code.CP206,
        what=f"whether `{lock.source.path}` is fresh cannot be told",
        where=Where(path=lock.source.path, line=1),
        why=why,
        fix=f"{lock.remake}, then build with `CUDAPIN_ALLOW=CP206`",
    )


def _newer_format(lock: Pylock) -> Problem:
    line = find_line(lock.source.text, "lock-version")
    return Problem(
        code=Code.CP205,
        level="warning",
        what=f"`{lock.source.path}` is of a newer version of the format than is known",
        where=Where(path=lock.source.path, line=line, key="lock-version"),
        why=f"wanted `lock-version` 1.0, found 1.{lock.minor}; what is new in it is not judged",
        fix="upgrade cudapin, or make the lock with an older version of its tool",
    )
