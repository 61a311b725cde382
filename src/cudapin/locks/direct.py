"""Does a lock hold what the project itself asks for? The one question that every format can be asked.

A format that records a content hash answers whether its inputs changed, not whether its pins fit them (a pin can be
edited by hand); a format that records nothing can be asked nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.locate import find_line
from cudapin.core.lock import Request
from cudapin.core.names import normalise
from cudapin.errors import Code, Problem, Where, sort_problems

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from cudapin.core.config import Variant
    from cudapin.core.lock import Lock, LockedPackage, Pyproject, Selection

__all__ = [
    "DirectRequirement",
    "direct_requirements",
    "dynamic_keys",
    "judge_direct",
    "judge_presence",
    "parse_requirement",
]

_EXTRAS = ("project", "optional-dependencies")
_GROUPS = ("dependency-groups",)
_PDM_GROUPS = ("tool", "pdm", "dev-dependencies")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRequirement:
    """One requirement that stands in `pyproject.toml`, as written, and the key that holds it."""

    text: str
    where: Where


def dynamic_keys(pyproject: Pyproject) -> tuple[str, ...]:
    """Return which of `dependencies` and `optional-dependencies` the project declares dynamic."""
    dynamic = _table(pyproject.table, "project").get("dynamic")
    listed = dynamic if isinstance(dynamic, list) else []
    return tuple(key for key in ("dependencies", "optional-dependencies") if key in listed)


def direct_requirements(
    pyproject: Pyproject, extras: Iterable[str] = (), groups: Iterable[str] = ()
) -> Iterator[DirectRequirement]:
    """Yield what the project asks for with these extras and groups (normalised names).

    References to own extras and `include-group` are followed; an extra or group that does not exist yields nothing.
    """
    project = _table(pyproject.table, "project")
    yield from _listed(project.get("dependencies"), pyproject, "project", "dependencies")
    todo: list[tuple[tuple[str, ...], str]] = [(_EXTRAS, name) for name in extras]
    todo += [(_GROUPS, name) for name in groups]
    done = set()
    while todo:
        key, name = found = todo.pop(0)
        table = pyproject.table
        for part in key:
            table = _table(table, part)
        written = next((spelling for spelling in table if normalise(spelling) == name), None)
        if found in done or written is None:
            continue
        done.add(found)
        items = table[written]
        for item in items if isinstance(items, list) else []:
            todo += _nested(item, project)
        yield from _listed(items, pyproject, *key, written)


def judge_direct(
    lock: Lock, pyproject: Pyproject, users: Sequence[Variant], environment: Mapping[str, str], fix: str
) -> tuple[Problem, ...]:
    """Return a problem for each direct requirement that the lock does not hold (CP201) or not satisfy (CP204).

    `users` are the variants that use the lock; without any, the project alone is judged. Requirements without a
    marker that holds in the environment, and those that are no PEP 508 requirement, are left out. `fix` is the
    command that makes the lock anew.
    """
    project = normalise(str(_table(pyproject.table, "project").get("name", "")))
    chosen = {(user.extra or (), user.group or ()) for user in users} or {((), ())}
    problems: list[Problem] = []
    for extras, groups in sorted(chosen):
        request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=environment)
        selection = lock.select(request, project)
        for item in direct_requirements(pyproject, extras, groups):
            requirement = parse_requirement(item.text)
            if requirement is not None and normalise(requirement.name) != project:
                problems += _judge_one(item, requirement, selection, lock, environment, fix)
    return sort_problems(problems)


def judge_presence(
    path: str, pyproject: Pyproject, locked: Container[str], covered: Container[str] | None, fix: str
) -> Iterator[Problem]:
    """Yield a problem (CP201) for each direct requirement, of any extra or group, whose name is nowhere in a lock.

    That is less than `judge_direct` asks, and asked of extras and groups that no variant uses: a package that was
    taken out by hand. `covered` are the extras and groups that the lock was made for, None for all. Requirements
    with a marker are left out: a lock need not hold what holds nowhere.
    """
    project = _table(pyproject.table, "project")
    own = normalise(str(project.get("name", "")))
    own_list = {"dependencies": project.get("dependencies")}
    tables = [
        (("project",), own_list),
        (_EXTRAS, _table(project, "optional-dependencies")),
        (_GROUPS, _table(pyproject.table, "dependency-groups")),
        (_PDM_GROUPS, _table(_table(_table(pyproject.table, "tool"), "pdm"), "dev-dependencies")),
    ]
    for key, table in tables:
        for name, items in table.items():
            if covered is None or table is own_list or normalise(name) in covered:
                for item in _listed(items, pyproject, *key, name):
                    requirement = parse_requirement(item.text)
                    found = None if requirement is None or requirement.marker else normalise(requirement.name)
                    if found is not None and found != own and found not in locked:
                        yield _absent(path, item, found, fix)


def parse_requirement(text: str) -> Requirement | None:
    """Return the PEP 508 requirement of a text, None where it is none."""
    from packaging.requirements import Requirement

    try:
        return Requirement(text)
    except (ValueError, RecursionError):  # no requirement, or a number of too many digits
        return None


def _judge_one(
    item: DirectRequirement,
    requirement: Requirement,
    selection: Selection,
    lock: Lock,
    environment: Mapping[str, str],
    fix: str,
) -> Iterator[Problem]:
    try:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": "", **environment}):
            return
    except ValueError:  # what cannot be compared, or a number of too many digits
        return
    name = normalise(requirement.name)
    found = [package for package in selection.packages if package.name == name]
    path = lock.source.path
    if not found:
        yield _absent(path, item, name, fix)
    for package in found:
        if not _satisfies(package, requirement):
            line = f":{package.line}" if package.line else ""
            yield Problem(
                code=Code.CP204,
                what=f"`{path}` locks a `{name}` that does not satisfy `{item.where.key}`",
                where=item.where,
                why=f"wanted `{item.text}`, the lock has `{package.version}` at {path}{line}",
                fix=fix,
                package=name,
            )


def _absent(path: str, item: DirectRequirement, name: str, fix: str) -> Problem:
    return Problem(
        code=Code.CP201,
        what=f"`{path}` does not pin what `{item.where.key}` asks for",
        where=item.where,
        why=f"wanted `{item.text}`, the lock has no `{name}`",
        fix=fix,
        package=name,
    )


def _satisfies(package: LockedPackage, requirement: Requirement) -> bool:
    if requirement.url is not None or package.version is None or package.kind != "registry":
        return True
    try:
        return requirement.specifier.contains(package.version, prereleases=True)
    except ValueError:  # no version, or a number of too many digits
        return False


def _nested(item: object, project: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """Return the extras of the project itself, or the group, that an item of a list leads on to."""
    if isinstance(item, dict):
        name = item.get("include-group")
        return [(_GROUPS, normalise(name))] if isinstance(name, str) else []
    requirement = parse_requirement(item) if isinstance(item, str) else None
    if requirement is None or normalise(requirement.name) != normalise(str(project.get("name", ""))):
        return []
    return [(_EXTRAS, normalise(extra)) for extra in sorted(requirement.extras)]


def _listed(items: object, pyproject: Pyproject, *key: str) -> Iterator[DirectRequirement]:
    where = Where(path=pyproject.source.path, line=find_line(pyproject.source.text, *key), key=".".join(key))
    for item in items if isinstance(items, list) else []:
        if isinstance(item, str):
            yield DirectRequirement(text=item, where=where)


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
