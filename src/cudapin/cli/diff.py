"""The command `lock diff`: two lock files, or one in two revisions, compared for each variant."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cudapin.cli.commands import Outcome
from cudapin.cli.diff_side import read_side
from cudapin.cli.diff_text import difference_object, render_rows
from cudapin.cli.request import retarget, wrong
from cudapin.core.config import Variant
from cudapin.core.lock_diff import Difference, diff_selections
from cudapin.core.names import normalise
from cudapin.core.select import is_declared_for
from cudapin.errors import ConfigError, LockError, Problem, sort_problems
from cudapin.gate import open_gate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.cli.diff_side import Side
    from cudapin.gate import Gate

__all__ = ["lock_diff"]


def lock_diff(
    root: Path,
    environ: Mapping[str, str],
    old: str,
    new: str,
    *,
    python: str | None = None,
    platform: str | None = None,
    is_code_wanted: bool = False,
) -> Outcome:
    """Compare two locks, each a file or `REV:PATH`, for every variant; without variants, for every extra and group.

    With `is_code_wanted` the exit code is 1 where they differ. Raises ConfigError for what names no file, LockError
    for a file that cannot be read.
    """
    gate = open_gate(root, environ)
    if not gate.project.metadata:
        what, why = "there is no project here", "`pyproject.toml` has no `[project]`"
        raise ConfigError(wrong(what, why, "name a member with `--project DIR`"))
    retarget(gate, python, platform)
    before, after = read_side(gate, environ, old), read_side(gate, environ, new)
    asked = _asked(gate, before, after)
    here = [item for item in asked if is_declared_for(item.variant, gate.environment)]
    compared = [_compare(item, before, after) for item in here]
    rows = [(row.asked.name, row.difference) for row in compared if row.difference is not None]
    elsewhere = [item.name for item in asked if item not in here]
    problems = sort_problems(problem for row in compared for problem in row.problems)
    has_differences = any(difference for _, difference in rows) or any(row.lacks for row in compared)
    is_other = before.lock.format == after.lock.format and before.source.text != after.source.text
    lines = [line for row in compared for line in row.lines(before, after)]
    lines += render_rows(rows, "all variants" if gate.config.variants else None)
    if rows and not any(difference for _, difference in rows):
        lines.append(f"no packages differ for {_target(gate)}{_elsewhere(is_other)}")
    lines += [f"{name}: not compared: it does not exist for {_target(gate)}" for name in elsewhere]
    return Outcome(
        problems=problems,
        text="\n".join(lines),
        data={
            "old": before.as_object(),
            "new": after.as_object(),
            "differ": has_differences,
            "variants": [row.as_object() for row in compared if row.difference is not None],
            "elsewhere": elsewhere,
        },
        notes=tuple(note for side in (before, after) for note in side.notes),
        code=int(is_code_wanted and has_differences),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One selection to compare, under the name that the output gives it."""

    name: str
    variant: Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """What changed for one selection; no difference where one of the locks could not be asked."""

    asked: _Asked
    difference: Difference | None
    lacks_old: tuple[str, ...] = ()
    lacks_new: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def lacks(self) -> bool:
        """Whether one lock has what selects this and the other has not."""
        return self.lacks_old != self.lacks_new

    def lines(self, before: Side, after: Side) -> list[str]:
        """Say which lock does not hold what selects this."""
        sides = ((before, self.lacks_old), (after, self.lacks_new))
        return [
            f"{self.asked.name}: `{side.source.path}` does not lock {what}" for side, lacks in sides for what in lacks
        ]

    def as_object(self) -> dict[str, Any]:
        """Return the JSON form."""
        found = difference_object(self.difference or Difference())
        return {"name": self.asked.name, "old_lacks": [*self.lacks_old], "new_lacks": [*self.lacks_new], **found}


def _compare(asked: _Asked, before: Side, after: Side) -> _Compared:
    try:
        lacks = [side.lacks(asked.variant) for side in (before, after)]
        (old, old_bound), (new, new_bound) = before.select(asked.variant), after.select(asked.variant)
    except LockError as error:
        return _Compared(asked=asked, difference=None, problems=error.problems)
    is_same_format = before.lock.format == after.lock.format
    found = diff_selections(old, new, old_bound, new_bound, is_same_format=is_same_format)
    return _Compared(asked=asked, difference=found, lacks_old=lacks[0], lacks_new=lacks[1])


def _asked(gate: Gate, before: Side, after: Side) -> list[_Asked]:
    """Return the variants that use the locks, all where none does; without variants, project, extras and groups."""
    variants = gate.all_variants()
    if variants:
        users = _users(gate, after) or _users(gate, before) or [variant.name for variant in variants]
        return [_Asked(name=variant.name, variant=variant) for variant in variants if variant.name in users]
    name = str(gate.project.metadata.get("name", "-"))
    groups = gate.project.pyproject.table.get("dependency-groups", {})
    plain = Variant(name="-", extra=(), group=())
    return [
        _Asked(name=name, variant=plain),
        *(
            _Asked(name=f"{name}[{extra}]", variant=replace(plain, extra=(normalise(extra),)))
            for extra in gate.project.metadata.get("optional-dependencies", {})
        ),
        *(
            _Asked(name=f"{name} (group {group})", variant=replace(plain, group=(normalise(group),)))
            for group in groups
        ),
    ]


def _users(gate: Gate, side: Side) -> list[str]:
    """Return the names of the variants that take their packages from the file; none where that cannot be told.

    A copy that lies elsewhere is whose file of that name is, where the names of the lock files differ.
    """
    users: dict[str, list[str]] = {}
    for variant in gate.all_variants():
        try:
            path = gate.lock_path(variant)
        except ConfigError:  # several lock files compete: it has none yet
            continue
        if path is not None:
            users.setdefault(path, []).append(variant.name)
    if gate.config.variants:
        with suppress(ConfigError):
            users |= {path: [user.name for user in found] for path, found in gate.lock_users().items()}
    shown = gate.project.shown(side.location)
    namesakes = [path for path in users if path.rpartition("/")[2] == side.location.name]
    if shown not in users and len(namesakes) == 1 and len(users) > 1:
        shown = namesakes[0]
    return users.get(shown, [])


def _target(gate: Gate) -> str:
    environment = gate.environment
    machine = f"{environment['sys_platform']} {environment['platform_machine']}".strip()
    return f"Python {environment['python_version']} on {machine}"


def _elsewhere(is_other: bool) -> str:  # noqa: FBT001
    return "; something else in the files differs" if is_other else ""
