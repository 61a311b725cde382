"""What is found out about one requirements file, and the problems that say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cudapin.core.locate import find_line
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import Pyproject
    from cudapin.locks.requirements.pins import Entry, Pins


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One requirement of an input, and where it stands."""

    text: str
    where: Where
    is_constraint: bool = False
    is_override: bool = False

    @property
    def is_outside(self) -> bool:
        """Whether it stands outside the project, where it is nobody's to show."""
        return is_outside_project(self.where.path)


@dataclass(slots=True)
class Judge:
    """The facts of one verdict, gathered step by step.

    `is_universal`: the lock is for every platform; `left_out`: names that it does not pin on purpose.
    """

    pins: Pins
    environment: Mapping[str, str]
    project: str
    is_universal: bool = False
    left_out: frozenset[str] = frozenset()
    read: set[str] = field(default_factory=set)
    stale: list[Problem] = field(default_factory=list)
    unknown: list[Problem] = field(default_factory=list)

    @property
    def fix(self) -> str:
        """The command that makes the file anew."""
        return self.pins.remake


def is_outside_project(path: str) -> bool:
    """Tell whether a path leads out of the project."""
    return path.startswith(("../", "/"))


def stale_pin(judge: Judge, item: Wanted, entry: Entry | None, why: str) -> Problem:
    """Say that no pin, or none that fits, answers a requirement."""
    lock = judge.pins.source.path
    place = "" if entry is None else f" at {lock}:{entry.line}"
    return Problem(
        code=Code.CP201,
        what=f"`{lock}` does not pin what `{item.where.key or item.where.path}` asks for",
        where=item.where,
        why=f"{why}{place}",
        fix=judge.fix,
    )


def gone_input(judge: Judge, pyproject: Pyproject, key: str, name: str) -> Problem:
    """Say that the command names an extra or group that is gone."""
    return Problem(
        code=Code.CP201,
        what=f"`{judge.pins.source.path}` was made with `{name}`, which `{key}` no longer has",
        where=Where(path=pyproject.source.path, line=find_line(pyproject.source.text, *key.split(".")), key=key),
        why=f"its command names `{name}`, and `{key}` does not",
        fix=judge.fix,
    )


def unhashed_lock(judge: Judge) -> Problem:
    """Say that no pin carries a hash."""
    header = judge.pins.header
    option = "" if header and "--generate-hashes" in header.arguments else " --generate-hashes"
    return Problem(
        code=Code.CP206,
        what=f"whether `{judge.pins.source.path}` is fresh cannot be told",
        where=Where(path=judge.pins.source.path, line=1),
        why="none of its pins has a hash, and only hashed requirements are judged",
        fix=f"{judge.fix}{option}" if header else f"{judge.fix}, and with `--generate-hashes`",
    )


def doubled_pin(judge: Judge, first: Entry, second: Entry) -> Problem:
    """Say that two pins of one name count together, which no installer accepts."""
    found = [f"`{entry.version or entry.url}` at line {entry.line}" for entry in (first, second)]
    return Problem(
        code=Code.CP205,
        what=f"`{judge.pins.source.path}` pins `{first.name}` twice",
        where=Where(path=judge.pins.source.path, line=second.line),
        why=f"wanted one pin whose marker holds, found {' and '.join(found)}",
        fix=judge.fix,
        package=first.name,
    )


def unjudged(judge: Judge, why: str) -> Problem:
    """Say why the file cannot be judged."""
    return Problem(
        code=Code.CP206,
        what=f"whether `{judge.pins.source.path}` is fresh cannot be told",
        where=Where(path=judge.pins.source.path, line=1),
        why=why,
        fix=f"{judge.fix}, then build with `CUDAPIN_ALLOW=CP206`",
    )
