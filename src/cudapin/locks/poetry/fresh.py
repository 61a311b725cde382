"""Is `poetry.lock` what Poetry would still accept for this `pyproject.toml`, and does it hold what that asks for?

Poetry compares one hash of all inputs. It says nothing about the pins, which may have been edited by hand, and a
Poetry before 2.3 left `[dependency-groups]` out of it: both are judged here in addition. Where the hash differs, it
cannot say what was changed; what lock and project show of it is listed instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.config import Variant
from cudapin.core.locate import find_line
from cudapin.core.lock import LockVerdict
from cudapin.errors import Code, LockError, Problem, Where, sort_problems
from cudapin.locks.direct import dynamic_keys, judge_direct
from cudapin.locks.poetry.differences import find_differences, find_group_differences
from cudapin.locks.poetry.hash import FIX, HASHED_KEYS, content_hash, knows_groups, leaves_groups_out, table_of
from cudapin.locks.poetry.pins import judge_pins, judge_presence
from cudapin.locks.poetry.root import MAIN, read_root
from cudapin.locks.poetry.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.lock import Pyproject
    from cudapin.locks.poetry.lock import PoetryLock
    from cudapin.locks.poetry.root import PoetryRoot

__all__ = ["judge_poetry"]


def judge_poetry(
    lock: PoetryLock, pyproject: Pyproject, users: Sequence[Variant], environment: Mapping[str, str]
) -> LockVerdict:
    """Judge the lock for the project; pins are judged for the variants that use it, and this environment."""
    try:
        wanted = content_hash(pyproject.table)
        older = content_hash(pyproject.table, with_groups=False) if leaves_groups_out(lock.writer) else wanted
    except ValueError as error:
        return LockVerdict(freshness="unknown", problems=(_no_hash(lock, pyproject, str(error)),))
    root = read_root(pyproject)
    is_equal = lock.content_hash in (wanted, older)
    is_blind = is_equal and lock.content_hash != wanted and knows_groups(lock.writer)
    try:
        if not is_equal:
            problems = [*_judge_all(lock, pyproject, root, environment), *find_differences(lock, pyproject, root)]
        elif is_blind:
            problems = [
                *_judge_all(lock, pyproject, root, environment),
                *find_group_differences(lock, root),
            ]
        else:
            pins = _judge_pins(lock, pyproject, root, users, environment)
            problems = [*pins, *judge_presence(lock, root)]
    except LockError as error:
        if is_equal:
            return LockVerdict(freshness="unknown", problems=error.problems)
        problems = []
    if not is_equal:
        problems = problems or [_other_hash(lock, wanted)]
    if problems:
        return LockVerdict(freshness="stale", problems=sort_problems(problems))
    dynamic = _dynamic(lock, pyproject)
    return LockVerdict(freshness="unknown", problems=(dynamic,)) if dynamic else LockVerdict(freshness="fresh")


def _judge_all(
    lock: PoetryLock, pyproject: Pyproject, root: PoetryRoot, environment: Mapping[str, str]
) -> Iterable[Problem]:
    """Judge the pins of every extra and every group that the lock knows, each by itself: extras may exclude others."""
    known = {group for package in lock.packages for group in package.groups or ()}
    groups = root.groups.keys() - {MAIN} if not lock.is_marked else root.groups.keys() & (known - {MAIN})
    choices = [Variant(name="", extra=(), group=())]
    choices += [
        Variant(name=extra, extra=(extra,), group=()) for extra in sorted(root.extras.keys() & lock.extras.keys())
    ]
    choices += [Variant(name=group, extra=(), group=(group,)) for group in sorted(groups)]
    return _judge_pins(lock, pyproject, root, choices, environment)


def _judge_pins(
    lock: PoetryLock,
    pyproject: Pyproject,
    root: PoetryRoot,
    users: Sequence[Variant],
    environment: Mapping[str, str],
) -> Iterable[Problem]:
    """What the project asks for directly is locked, and satisfied.

    A requirement that `[tool.poetry]` gives or enriches is judged by what Poetry makes of it. Nothing is asked of a
    lock for a Python that it was not made for.
    """
    if not Truth(environment).has_python(lock.python_versions):
        return []
    tool_names = {item.name for items in root.groups.values() for item in items if item.is_from_tool}
    standard = judge_direct(lock, pyproject, users, environment, FIX)
    problems = [problem for problem in standard if problem.package not in tool_names]
    return [*problems, *judge_pins(lock, root, tool_names, users, environment)]


def _other_hash(lock: PoetryLock, wanted: str) -> Problem:
    path = lock.source.path
    found = f"`{lock.content_hash[:12]}…`" if lock.content_hash else "none"
    return Problem(
        code=Code.CP201,
        what=f"`{path}` was not made for this `pyproject.toml`",
        where=Where(path=path, line=lock.line_of("metadata", "content-hash"), key="metadata.content-hash"),
        why=f"wanted the hash `{wanted[:12]}…`, found {found}; it is one for {HASHED_KEYS}, so it cannot say which "
        "of them was changed, and no package of the lock shows it",
        fix=FIX,
    )


def _dynamic(lock: PoetryLock, pyproject: Pyproject) -> Problem | None:
    """Say that only a build tells what the project asks for, where neither Poetry nor `[tool.poetry]` does.

    Poetry 2.5 locks nothing of it, and calls that lock fresh.
    """
    backend = table_of(pyproject.table, "build-system").get("build-backend", "poetry")
    if str(backend).startswith("poetry"):
        return None
    tool = table_of(table_of(pyproject.table, "tool"), "poetry")
    given = {"dependencies": "dependencies", "optional-dependencies": "extras"}
    for key in dynamic_keys(pyproject):
        if not table_of(tool, given[key]).keys() - {"python"}:
            return Problem(
                code=Code.CP206,
                what=f"whether `{lock.source.path}` is fresh cannot be told",
                where=Where(
                    path=pyproject.source.path,
                    line=find_line(pyproject.source.text, "project", "dynamic"),
                    key="project.dynamic",
                ),
                why=f"`{key}` is dynamic, so only a build tells what the project asks for, "
                f"and without `[tool.poetry.{given[key]}]` Poetry locks nothing of it",
                fix=f"list `{key}` in `[project]`, and run `{FIX}`",
            )
    return None


def _no_hash(lock: PoetryLock, pyproject: Pyproject, why: str) -> Problem:
    return Problem(
        code=Code.CP206,
        what=f"whether `{lock.source.path}` is fresh cannot be told",
        where=Where(path=pyproject.source.path, line=find_line(pyproject.source.text, "tool", "poetry")),
        why=f"what Poetry hashes of `pyproject.toml` has no hash: {why}",
        fix="write dates in the dependency tables as strings",
    )
