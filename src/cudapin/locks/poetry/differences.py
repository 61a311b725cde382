"""What a `poetry.lock` shows of the project that it was made for, against the project that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.fields import name_list
from cudapin.core.locate import find_line
from cudapin.errors import Code, Problem, Where
from cudapin.locks.poetry.hash import FIX, table_of
from cudapin.locks.poetry.root import MAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cudapin.core.lock import Pyproject
    from cudapin.locks.poetry.lock import PoetryLock
    from cudapin.locks.poetry.package import PoetryPackage
    from cudapin.locks.poetry.root import PoetryRoot, RootRequirement

__all__ = ["find_differences", "find_group_differences"]


def find_differences(lock: PoetryLock, pyproject: Pyproject, root: PoetryRoot) -> Iterator[Problem]:
    """Yield what differs: the Python versions, the extras, the groups, and packages that nothing asks for."""
    if lock.python_versions not in (None, root.python):
        in_tool = "python" in table_of(table_of(table_of(pyproject.table, "tool"), "poetry"), "dependencies")
        key = ("tool", "poetry", "dependencies", "python") if in_tool else ("project", "requires-python")
        yield _stale(
            f"`{lock.source.path}` was made for other Python versions",
            _place(pyproject, key, lock, ("metadata", "python-versions")),
            f"wanted `{root.python}`, the lock has `{lock.python_versions}`"
            f"{_at(lock, lock.line_of('metadata', 'python-versions'))}",
        )
    yield from _extra_differences(lock, pyproject, root)
    yield from find_group_differences(lock, root)


def _extra_differences(lock: PoetryLock, pyproject: Pyproject, root: PoetryRoot) -> Iterator[Problem]:
    is_standard = "project" in pyproject.table and bool(
        table_of(table_of(pyproject.table, "project"), "optional-dependencies")
    )
    key = ("project", "optional-dependencies") if is_standard else ("tool", "poetry", "extras")
    for extra in sorted(root.extras.keys() | lock.extras.keys()):
        wanted, found = root.extras.get(extra), lock.extras.get(extra)
        if wanted == found or not root.is_complete:
            continue
        path = lock.source.path
        what = f"`{path}` was made for another extra `{extra}`"
        if wanted is None:
            what = f"`{path}` has the extra `{extra}`, which the project does not have"
        elif found is None:
            what = f"`{path}` does not have the extra `{extra}`"
        at = "" if found is None else _at(lock, lock.line_of("extras", extra))
        why = f"wanted {_shown(wanted)}, the lock has {_shown(found)}{at}"
        yield _stale(what, _place(pyproject, (*key, extra), lock, ("extras", extra)), why)


def _shown(names: frozenset[str] | None) -> str:
    return "no such extra" if names is None else name_list(sorted(names)) if names else "an empty one"


def find_group_differences(lock: PoetryLock, root: PoetryRoot) -> Iterator[Problem]:
    """Yield groups that the lock has and the project has not, and packages of a group that nothing in it asks for."""
    if not root.is_complete:
        return
    wanted_groups = (
        root.groups if lock.is_marked else {MAIN: [item for items in root.groups.values() for item in items]}
    )
    gone = {group for package in lock.packages for group in package.groups or ()} - wanted_groups.keys()
    for group in sorted(gone):
        line = next((package.line for package in lock.packages if group in (package.groups or ())), None)
        yield _stale(
            f"`{lock.source.path}` locks the group `{group}`, which the project does not have",
            Where(path=lock.source.path, line=line),
            f"the project's groups are {name_list(sorted(wanted_groups))}",
        )
    for group, items in wanted_groups.items():
        yield from _group_differences(lock, group if lock.is_marked else None, items)


def _group_differences(lock: PoetryLock, group: str | None, items: Sequence[RootRequirement]) -> Iterator[Problem]:
    """Compare one group, or without a name all of the project, by the names of the packages."""
    path = lock.source.path
    members = [package for package in lock.packages if group is None or group in (package.groups or ())]
    names = {package.name for package in members}
    place, asker = (f" in the group `{group}`", f"the group `{group}`") if group else ("", "the project")
    for item in items:
        # With a marker it may be left out for good reason: it may hold for none of the project's Python versions.
        if item.name not in names and not item.markers and (item.in_extras or not item.is_optional):
            yield _stale(
                f"`{path}` does not lock `{item.name}`{place}",
                item.where,
                f"wanted `{item.text}`, the lock has no `{item.name}` there",
                item.name,
            )
    for package in _unasked(members, {item.name for item in items}, lock.packages):
        yield _stale(
            f"`{path}` locks `{package.name}`{place}, which nothing asks for any more",
            Where(path=path, line=package.line),
            f"nothing that {asker} asks for leads to `{package.name}`",
            package.name,
        )


def _unasked(
    members: Iterable[PoetryPackage], start: Iterable[str], packages: Iterable[PoetryPackage]
) -> Iterator[PoetryPackage]:
    """Yield the members that no requirement leads to, whatever the markers; of a whole branch, where it begins."""
    required: dict[str, set[str]] = {}
    for package in packages:
        required.setdefault(package.name, set()).update(edge.name for edge in package.edges)
    reached = set[str]()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += required.get(name, ())
    left = [package for package in members if package.name not in reached]
    inner = {name for package in left for name in required[package.name] if name != package.name}
    yield from [package for package in left if package.name not in inner] or left[:1]


def _place(pyproject: Pyproject, key: tuple[str, ...], lock: PoetryLock, lock_key: tuple[str, ...]) -> Where:
    """Return where a key of the project stands, or should; the key of the lock where the project has no such table."""
    line = find_line(pyproject.source.text, *key)
    if line is not None:
        return Where(path=pyproject.source.path, line=line, key=".".join(key))
    return Where(path=lock.source.path, line=lock.line_of(*lock_key), key=".".join(lock_key))


def _at(lock: PoetryLock, line: int | None) -> str:
    return f" at {lock.source.path}:{line}" if line else ""


def _stale(what: str, where: Where, why: str, package: str | None = None) -> Problem:
    return Problem(code=Code.CP201, what=what, where=where, why=why, fix=FIX, package=package)
