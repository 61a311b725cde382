"""The extras and dependency groups that a project declares, by the standards or to Poetry or PDM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.config import Variant
    from cudapin.core.lock import Pyproject

__all__ = ["declared_extras", "declared_groups", "declared_selectors"]

_EXTRAS = (("project", "optional-dependencies"), ("tool", "poetry", "extras"))
_GROUPS = (("dependency-groups",), ("tool", "poetry", "group"), ("tool", "pdm", "dev-dependencies"))


def declared_extras(pyproject: Pyproject) -> frozenset[str]:
    """Return the normalised names of the project's extras."""
    return frozenset(normalise(name) for path in _EXTRAS for name in _table(pyproject.table, path))


def declared_groups(pyproject: Pyproject) -> frozenset[str]:
    """Return the normalised names of the project's dependency groups."""
    return frozenset(normalise(name) for path in _GROUPS for name in _table(pyproject.table, path))


def declared_selectors(variant: Variant, pyproject: Pyproject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the extras and groups that select a variant: those it names, else the extra or group of its own name."""
    extras, groups = declared_extras(pyproject), declared_groups(pyproject)
    name = normalise(variant.name)
    extra, group = variant.extra, variant.group
    if extra is None:
        extra = (name,) if name in extras and group is None else ()
    if group is None:
        group = (name,) if name in groups and name not in extras and variant.extra is None else ()
    return extra, group


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any]:
    for key in path:
        value = table.get(key)
        if not isinstance(value, dict):
            return {}
        table = value
    return table
