"""Finds the lock file that an exported file was made from, and has the export judged against it."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from cudapin.adapters.files import is_file
from cudapin.adapters.workspace import find_uv_lock, read_input
from cudapin.core.declared import declared_selectors
from cudapin.errors import Code, LockError, Problem, Where
from cudapin.locks.derived.origin import find_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cudapin.adapters.project import Project
    from cudapin.core.config import Variant
    from cudapin.core.lock import Lock, LockVerdict, Source
    from cudapin.locks.derived.origin import Origin

__all__ = ["find_source", "judge_export_of"]


def find_source(project: Project, source: Source) -> tuple[Origin, str] | None:
    """Return who exported a file, and the path of the lock file it is from; None for an independent one.

    What only may be an export counts as one where that lock file exists.
    """
    origin = find_origin(source)
    if origin is None:
        return None
    path = find_uv_lock(project) if origin.tool == "uv" else posixpath.normpath(origin.lock)
    if not origin.is_certain and not is_file(project.locate(path)):
        return None
    return origin, path


def judge_export_of(
    project: Project,
    lock: Lock,
    found: tuple[Origin, str],
    users: Sequence[Variant],
    environment: Mapping[str, str],
    open_lock: Callable[[str], tuple[Lock, LockVerdict]],
) -> LockVerdict:
    """Judge an exported file. `open_lock` reads and judges a lock file of the project by its path."""
    from cudapin.locks.derived.rule import judge_derived

    def open_source(path: str) -> tuple[Lock, LockVerdict]:
        _check_source(project, lock.source.path, path)
        return open_lock(path)

    def selectors(name: str) -> tuple[frozenset[str], frozenset[str]] | None:
        return _selectors(project, name, environment)

    origin, path = found
    return judge_derived(lock, origin, path, project.pyproject, users, open_source, environment, selectors)


def _check_source(project: Project, derived: str, path: str) -> None:
    """Raise LockError for a source that is missing, none of ours, or made from the file that is made from it."""
    seen = {posixpath.normpath(derived)}
    while True:
        source = read_input(project, path)
        if source is None:
            raise LockError(_problem(Code.CP202, f"there is no lock file `{path}`", path, "found none"))
        if posixpath.normpath(path) in seen:
            why = f"`{path}` is at the end made from itself"
            raise LockError(_problem(Code.CP206, f"`{derived}` has no lock file that it comes from", path, why))
        seen.add(posixpath.normpath(path))
        found = find_source(project, source)
        if found is None:
            return
        path = found[1]


def _problem(code: Code, what: str, path: str, why: str) -> Problem:
    return Problem(code=code, what=what, where=Where(path=path), why=why, fix="export it anew from a lock file")


def _selectors(
    project: Project, name: str, environment: Mapping[str, str]
) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the extras and groups of a variant as the configuration says now."""
    from cudapin.core.config import for_environment, parse_config

    variant = parse_config(project.table or None, project.pyproject.source).variants.get(name)
    if variant is None:
        return None
    variant = for_environment(variant, environment)
    extras, groups = declared_selectors(variant, project.pyproject)
    return frozenset(extras), frozenset(groups)
