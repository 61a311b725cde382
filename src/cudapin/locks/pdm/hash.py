"""The content hash that pdm writes into a lock: one digest over all that its resolution depends on.

Written against `PyProject.content_hash` and `WorkspaceManager.content_hash` of pdm 2.29. The text that is hashed is
JSON of the parsed values, so spacing inside of a requirement and the order of a list count, comments do not.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import Pyproject

__all__ = ["content_hash", "has_joined_group", "is_workspace", "pdm_normalise", "tool_pdm"]

_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")


def content_hash(
    pyproject: Pyproject,
    members: Mapping[str, Pyproject] | None = None,
    algorithm: str = "sha256",
    *,
    repetitions: int = 1,
) -> str:
    """Return the digest, in hexadecimal, that `pdm lock` would record for a project.

    `members` are the projects of a workspace by their path relative to its root; they count only where the root has
    a `[tool.pdm.workspace]`. `repetitions` says how often the items of a group in `[tool.pdm.dev-dependencies]` that
    also stands in `[dependency-groups]` are appended to it (see `has_joined_group`). Raises ValueError, with the
    reason, where pdm could make no hash: tables and lists of the wrong type, values that JSON cannot hold, an
    algorithm that does not exist.
    """
    own = _digest(_inputs(pyproject, repetitions), algorithm)
    if not is_workspace(pyproject):
        return own
    hasher = hashlib.new(algorithm, own.encode())
    for path in sorted(members or {}):
        member = _digest(_inputs((members or {})[path], 1), algorithm)
        hasher.update(f"\0{path}\0{member}".encode())
    return hasher.hexdigest()


def is_workspace(pyproject: Pyproject) -> bool:
    """Tell whether the project is the root of a pdm workspace."""
    return bool(tool_pdm(pyproject).get("workspace"))


def has_joined_group(pyproject: Pyproject) -> bool:
    """Tell whether a group stands both in `[dependency-groups]` and in `[tool.pdm.dev-dependencies]`.

    pdm 2.29 then hashes a list that grows with each look at it: `pdm lock` records the digest of a list with the
    items repeated, and `pdm lock --check` calls that very lock out of date.
    """
    standard = {pdm_normalise(name) for name in _table(pyproject.table, "dependency-groups")}
    own = {pdm_normalise(name) for name in _table(tool_pdm(pyproject), "dev-dependencies", "tool.pdm.")}
    return not standard.isdisjoint(own)


def tool_pdm(pyproject: Pyproject) -> Mapping[str, Any]:
    """Return `[tool.pdm]`, empty where there is none; raise ValueError where it is no table."""
    return _table(_table(pyproject.table, "tool"), "pdm", "tool.")


def pdm_normalise(name: str) -> str:
    """Return a group name as pdm compares it: unlike PEP 735, every run of other characters becomes a dash."""
    return _NOT_ALPHANUMERIC.sub("-", name).lower()


def _digest(inputs: Mapping[str, Any], algorithm: str) -> str:
    try:
        text = json.dumps(inputs, sort_keys=True)
    except TypeError as error:
        message = "a date or time stands in what pdm hashes, and pdm cannot hash it"
        raise ValueError(message) from error
    try:
        return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()
    except (TypeError, ValueError) as error:
        message = f"there is no hash algorithm `{algorithm}`"
        raise ValueError(message) from error


def _inputs(pyproject: Pyproject, repetitions: int) -> Mapping[str, Any]:
    project = _table(pyproject.table, "project")
    settings = tool_pdm(pyproject)
    return {
        "sources": settings.get("source", []),
        "dependencies": project.get("dependencies", []),
        "dev-dependencies": _dev_dependencies(pyproject.table, settings, repetitions),
        "optional-dependencies": project.get("optional-dependencies", {}),
        "requires-python": project.get("requires-python", ""),
        "resolution": settings.get("resolution", {}),
    }


def _dev_dependencies(table: Mapping[str, Any], settings: Mapping[str, Any], repetitions: int) -> dict[str, list[Any]]:
    """Join `[dependency-groups]` and `[tool.pdm.dev-dependencies]` by normalised name, the former first."""
    groups: dict[str, list[Any]] = {}
    for name, items in _table(table, "dependency-groups").items():
        group = pdm_normalise(name)
        if group in groups:
            message = f"the group `{group}` stands in `dependency-groups` twice"
            raise ValueError(message)
        groups[group] = items
    standard = frozenset(groups)
    for name, items in _table(settings, "dev-dependencies", "tool.pdm.").items():
        group = pdm_normalise(name)
        times = repetitions if group in standard else 1
        known = groups.get(group, [])
        if isinstance(known, list) and isinstance(items, list):
            groups[group] = [*known, *items * times]
            continue
        message = f"the group `{group}` of `tool.pdm.dev-dependencies` is no list"
        raise ValueError(message)
    return groups


def _table(table: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
    value = table.get(key, {})
    if isinstance(value, dict):
        return value
    message = f"`{prefix}{key}` is no table"
    raise ValueError(message)
