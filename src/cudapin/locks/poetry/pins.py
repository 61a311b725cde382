"""Whether a `poetry.lock` holds what `[tool.poetry]` gives or adds to: its constraints are not PEP 440."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.lock import Request
from cudapin.core.markers import MarkerError
from cudapin.errors import Code, Problem
from cudapin.locks.poetry.constraint import allows
from cudapin.locks.poetry.hash import FIX
from cudapin.locks.poetry.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.lock import Selection
    from cudapin.locks.poetry.lock import PoetryLock
    from cudapin.locks.poetry.root import PoetryRoot, RootRequirement

__all__ = ["judge_pins", "judge_presence"]


def judge_pins(
    lock: PoetryLock,
    root: PoetryRoot,
    names: Container[str],
    users: Sequence[Variant],
    environment: Mapping[str, str],
) -> Iterator[Problem]:
    """Yield a problem for each requirement of these names that is not locked (CP201) or not satisfied (CP204).

    Requirements whose marker does not hold here are left out, and so are constraints that cannot be told exactly.
    """
    truth = Truth(environment)
    chosen = {(user.extra or (), user.group or ()) for user in users} or {((), ())}
    for extras, groups in sorted(chosen):
        request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=environment)
        selection = lock.select(request)
        for item in root.chosen(request.extras, request.groups):
            if item.name in names and _is_wanted(item, truth, request.extras):
                yield from _judge_one(item, selection, lock)


def judge_presence(lock: PoetryLock, root: PoetryRoot) -> Iterator[Problem]:
    """Yield a problem for each requirement of any extra or group, without a marker, whose name is nowhere in the lock.

    A package that was taken out by hand: Poetry locks them all, whichever a variant uses.
    """
    names = {package.name for package in lock.packages}
    for items in root.groups.values():
        yield from (_absent(item, lock) for item in items if not item.markers and item.name not in names)


def _absent(item: RootRequirement, lock: PoetryLock) -> Problem:
    return Problem(
        code=Code.CP201,
        what=f"`{lock.source.path}` does not pin what `{item.where.key}` asks for",
        where=item.where,
        why=f"wanted `{item.text}`, the lock has no `{item.name}`",
        fix=FIX,
        package=item.name,
    )


def _is_wanted(item: RootRequirement, truth: Truth, extras: frozenset[str]) -> bool:
    try:
        return all(truth.holds(marker, extras) for marker in item.markers)
    except MarkerError:
        return False


def _judge_one(item: RootRequirement, selection: Selection, lock: PoetryLock) -> Iterator[Problem]:
    found = selection.find(item.name)
    path = lock.source.path
    if found is None:
        yield _absent(item, lock)
    elif found.version is not None and found.kind == "registry" and not item.is_direct:
        refused = [text for text in item.constraints if allows(text, found.version) is False]
        if refused:
            line = f":{found.line}" if found.line else ""
            yield Problem(
                code=Code.CP204,
                what=f"`{path}` locks a `{item.name}` that does not satisfy `{item.where.key}`",
                where=item.where,
                why=f"wanted `{item.text}`, the lock has `{found.version}` at {path}{line}",
                fix=FIX,
                package=item.name,
            )
