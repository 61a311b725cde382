"""`tool.uv.conflicts` of a workspace as the sets that a lock records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.locks.uv_project import UnjudgeableError, normalise_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.locks.uv_project import UvProject, UvWorkspace

__all__ = ["ConflictSet", "locked_conflicts", "render_conflicts", "wanted_conflicts"]

ConflictItem = tuple[str, str, str]
"""Package, kind (`extra`, `group` or `project`) and name."""
ConflictSet = frozenset[ConflictItem]

_KEY = ("tool", "uv", "conflicts")


def wanted_conflicts(workspace: UvWorkspace) -> frozenset[ConflictSet]:
    """Return the conflicts that the members declare, with those that follow from groups including each other."""
    projects = [workspace.root, *workspace.others]
    declared = {conflict for project in projects for conflict in _declared(project)}
    root = workspace.root
    if root.name is not None:
        declared = _expand(declared, root.name, {group: root.includes(group) for group in root.groups_as_written})
    return frozenset(declared)


def locked_conflicts(header: Mapping[str, Any]) -> frozenset[ConflictSet]:
    """Return the conflicts that a lock records."""
    return frozenset(frozenset(_item(item, "") for item in conflict) for conflict in header.get("conflicts", ()))


def render_conflicts(conflicts: Iterable[ConflictSet]) -> str:
    """Return the sets as text for a message."""
    sets = sorted(
        "{"
        + ", ".join(f"{package}[{name}]" if kind == "extra" else f"{package}:{name}" for package, kind, name in s)
        + "}"
        for s in (sorted(conflict) for conflict in conflicts)
    )
    return ", ".join(f"`{text}`" for text in sets) or "none"


def _declared(project: UvProject) -> Iterator[ConflictSet]:
    for conflict in project.get(list, *_KEY) or []:
        if not isinstance(conflict, list) or not all(isinstance(item, dict) for item in conflict):
            raise UnjudgeableError("it is not an array of arrays of tables", *_KEY)
        yield frozenset(_item(item, project.name or "") for item in conflict)


def _item(table: Mapping[str, Any], default_package: str) -> ConflictItem:
    package = normalise_name(str(table.get("package", default_package)))
    for kind in ("extra", "group"):
        if kind in table:
            return (package, kind, normalise_name(str(table[kind])))
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
