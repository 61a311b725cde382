"""The extras and dependency groups that a project declares, by the standards or to Poetry or PDM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import Pyproject

__all__ = ["declared_extras", "declared_groups"]

_EXTRAS = (("project", "optional-dependencies"), ("tool", "poetry", "extras"))
_GROUPS = (("dependency-groups",), ("tool", "poetry", "group"), ("tool", "pdm", "dev-dependencies"))


def declared_extras(pyproject: Pyproject) -> frozenset[str]:
    """Return the normalised names of the project's extras."""
    return frozenset(normalise(name) for path in _EXTRAS for name in _table(pyproject.table, path))


def declared_groups(pyproject: Pyproject) -> frozenset[str]:
    """Return the normalised names of the project's dependency groups."""
    return frozenset(normalise(name) for path in _GROUPS for name in _table(pyproject.table, path))


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    for key in path:
        value = table.get(key)
        if not isinstance(value, dict):
            return {}
        table = value
    return table
