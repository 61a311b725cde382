"""Whether a build runs nothing but hatchling and cudapin: then several may share one environment at the same time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.gate import Gate

__all__ = ["is_plain"]


def is_plain(gate: Gate) -> bool:
    """Tell whether nothing but hatchling and cudapin runs in a build, and so nothing that changes its environment.

    Builds of such a project may share one environment at the same time.
    """
    table = gate.project.pyproject.table
    system = table.get("build-system", {})
    names = {normalise(_name(str(text))) for text in system.get("requires", ())}
    if not names <= {"hatchling", "cudapin"} or "backend-path" in system:
        return False
    if os.path.lexists(gate.project.root / "hatch.toml"):
        return False
    hatch = table.get("tool", {}).get("hatch", {})
    build = _table(hatch, "build")
    targets = _table(build, "targets")
    hooks = set(_table(build, "hooks")) | set(_table(hatch, "metadata", "hooks"))
    for name in ("sdist", "wheel"):
        hooks |= set(_table(targets, name, "hooks"))
    is_alone = not any("dependencies" in part for part in (build, *map(_mapping, targets.values())))
    source = _table(hatch, "version").get("source", "regex")
    return hooks <= {"cudapin"} and is_alone and source in ("regex", "env")


def _table(table: object, *path: str) -> Mapping[str, object]:
    for key in path:
        table = _mapping(table).get(key)
    return _mapping(table)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _name(requirement: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(requirement).name
    except InvalidRequirement:
        return requirement
