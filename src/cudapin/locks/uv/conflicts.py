"""`tool.uv.conflicts` of a workspace as the sets that a lock records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.core.names import normalise
from cudapin.errors import Code, ConfigError, Problem
from cudapin.locks.uv.project import UnjudgeableError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from cudapin.core.lock import Request
    from cudapin.errors import Where
    from cudapin.locks.uv.project import UvProject, UvWorkspace

__all__ = [
    "ConflictSet",
    "agrees",
    "check_conflicts",
    "check_reached",
    "encode",
    "locked_conflicts",
    "render_conflicts",
    "wanted_conflicts",
]

ConflictItem = tuple[str, str, str]
"""Package, kind (`extra`, `group` or `project`) and name."""
ConflictSet = frozenset[ConflictItem]

_KEY = ("tool", "uv", "conflicts")


def wanted_conflicts(workspace: UvWorkspace) -> tuple[list[ConflictSet], set[ConflictSet]]:
    """Return the conflicts that the members declare, in order, and those that follow from groups in groups."""
    root = workspace.root
    projects = [*([root] if root.name is None else []), *(p for _, p in sorted(workspace.members.items()))]
    declared = [conflict for project in projects for conflict in _declared(project)]
    if root.name is None:
        return declared, set()
    includes = {group: root.includes(group) for group in root.groups_as_written}
    return declared, _expand(set(declared), root.name, includes) - set(declared)


def locked_conflicts(header: Mapping[str, Any]) -> list[ConflictSet]:
    """Return the conflicts that a lock records, in order."""
    return [frozenset(_item(item, "") for item in conflict) for conflict in header.get("conflicts", ())]


def agrees(declared: list[ConflictSet], inferred: set[ConflictSet], found: list[ConflictSet]) -> bool:
    """Tell whether a lock records these: uv compares the declared ones in order, and appends the inferred ones."""
    rest = found[len(declared) :]
    return found[: len(declared)] == declared and len(rest) == len(inferred) and set(rest) == inferred


def render_conflicts(conflicts: Iterable[ConflictSet]) -> str:
    """Return the sets as text for a message."""
    sets = [
        "{"
        + ", ".join(f"{package}[{name}]" if kind == "extra" else f"{package}:{name}" for package, kind, name in s)
        + "}"
        for s in (sorted(conflict) for conflict in conflicts)
    ]
    return ", ".join(f"`{text}`" for text in sets) or "none"


def check_conflicts(header: Mapping[str, Any], project: str, request: Request, where: Where) -> None:
    """Raise ConfigError (CP106) where a request has two items of one conflict of a lock, as uv does.

    The project itself is part of every request. `where` is the place of the conflicts.
    """
    active = {(project, "project", "")}
    active |= {(project, "extra", normalise(extra)) for extra in request.extras}
    active |= {(project, "group", normalise(group)) for group in request.groups}
    problems = []
    for conflict in locked_conflicts(header):
        both = sorted(conflict & active)
        if len(both) > 1:
            names = [f"{kind} `{name or package}`" for package, kind, name in both]
            text = ", ".join(names[:-1]) + f" and {names[-1]}"
            problems.append(
                Problem(
                    code=Code.CP106,
                    what=f"{text} cannot be selected together",
                    where=where,
                    why=f"`tool.uv.conflicts` rules it out, and `{where.path}` was made for that: "
                    + render_conflicts([conflict]),
                    fix="select one of them only, or take them out of `tool.uv.conflicts` and run `uv lock`",
                )
            )
    if problems:
        raise ConfigError(*problems)


def encode(kind: str, package: str, name: str) -> str:
    """Return what a marker of the lock calls an extra, a group or (without name) a project, as an `extra`."""
    return f"{kind}-{len(package)}-{package}-{name}" if name else f"{kind}-{len(package)}-{package}"


def check_reached(header: Mapping[str, Any], active: Container[str], where: Where) -> None:
    """Raise ConfigError (CP106) where what is selected reaches two extras of one conflict, as `uv sync` does.

    A group may require the project itself with an extra, or two packages the same member with one each.
    """
    for conflict in locked_conflicts(header):
        both = sorted(item for item in conflict if item[1] == "extra" and encode("extra", item[0], item[2]) in active)
        if len(both) > 1:
            names = " and ".join(f"`{package}[{name}]`" for package, _, name in both)
            raise ConfigError(
                Problem(
                    code=Code.CP106,
                    what=f"what is selected requires {names} at once",
                    where=where,
                    why=f"`tool.uv.conflicts` rules it out, and `{where.path}` was made for that: "
                    + render_conflicts([conflict]),
                    fix="select no group or extra that requires the other one, or take them out of "
                    "`tool.uv.conflicts` and run `uv lock`",
                )
            )


def _declared(project: UvProject) -> Iterator[ConflictSet]:
    for conflict in project.get(list, *_KEY) or []:
        if not isinstance(conflict, list) or not all(isinstance(item, dict) for item in conflict):
            raise UnjudgeableError("it is not an array of arrays of tables", *_KEY)
        yield frozenset(_item(item, project.name or "") for item in conflict)


def _item(table: Mapping[str, Any], default_package: str) -> ConflictItem:
    package = normalise(str(table.get("package", default_package)))
    for kind in ("extra", "group"):
        if kind in table:
            return (package, kind, normalise(str(table[kind])))
    return (package, "project", "")


def _expand(conflicts: set[ConflictSet], package: str, includes: Mapping[str, list[str]]) -> set[ConflictSet]:
    """Add every set in which a group is replaced by one that includes it, at any depth."""
    canonical = {item for conflict in conflicts for item in conflict if item[1] == "group"}
    result = set(conflicts)
    for item in sorted(canonical):
        including = [group for group in includes if item[2] in _reached(group, includes)]
        for conflict in [conflict for conflict in result if item in conflict]:
            result |= {(conflict - {item}) | {(package, "group", group)} for group in including}
    return result


def _reached(group: str, includes: Mapping[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(includes.get(group, ()))
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(includes.get(name, ()))
    return seen
