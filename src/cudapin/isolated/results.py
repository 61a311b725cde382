"""How builds ended, in words and problems."""

from __future__ import annotations

import os
from dataclasses import dataclass
from errno import ENOSPC
from typing import TYPE_CHECKING, Literal, Protocol

from cudapin.core.index import strip_all_credentials
from cudapin.core.said import read_said
from cudapin.core.verdict import own_failure
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.isolated.backend import StepError

__all__ = ["Outcome", "Reporter", "Result", "Results", "bug", "failed", "no_room", "wrong_record"]

Outcome = Literal["built", "refused", "failed", "not run"]

_SHOWN = 120
_MAKE_ROOM = "make room for temporary files, or set TMPDIR to a folder that has some"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the build of one file ended; `path` and `sha256` are those of a finished one."""

    outcome: Outcome
    path: Path | None = None
    sha256: str | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """How everything ended: wheels by the names of their orders, and the sdist that was asked for.

    `described` are the files about labelled wheels. `signal` is the number of the signal that ended the run before its
    time.
    """

    wheels: Mapping[str, Result]
    sdist: Result | None
    notes: tuple[str, ...]
    described: tuple[Path, ...] = ()
    signal: int | None = None


class Reporter(Protocol):
    """Is told what goes on, from several threads."""

    def step(self, name: str, what: str) -> None:
        """Something begins to be done for a file."""

    def end(self, name: str, result: Result) -> None:
        """A file is finished, or will not be."""

    def hear(self, name: str, text: str, *, is_failure: bool) -> None:
        """A program said something, without credentials."""


def failed(subject: str, origin: str, error: StepError) -> Result:
    """Return the result of a step that failed: a refusal where its cudapin said so, else a failure (CP603).

    `origin` says what it was built from, where that is not the tree.
    """
    problems = tuple(problem for problem in read_said(error.text).problems if problem.level == "error")
    if problems:
        is_bug = any(problem.code is Code.CP900 for problem in problems)
        return Result(outcome="failed" if is_bug else "refused", problems=problems)
    lines = [line.strip() for line in error.text.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()] or lines
    said = f"; it said: {_shortened(strip_all_credentials(telling[-1]))}" if telling else ""
    problem = Problem(
        code=Code.CP603,
        what=f"{subject} cannot be built{origin}",
        why=f"{error.step} failed with exit code {error.code}{said}",
        fix=_MAKE_ROOM if os.strerror(ENOSPC) in error.text else error.fix,
    )
    return Result(outcome="failed", problems=(problem,))


def _shortened(line: str) -> str:
    """Leave out the middle of a long line: it begins with what failed and ends with why."""
    half = _SHOWN // 2
    return line if len(line) <= _SHOWN else f"{line[:half]}…{line[-half:]}"


def no_room(subject: str, error: OSError) -> Problem:
    """Say that the system refused what a build needs: room on a disk, a permission, a program."""
    named = f": `{error.filename}`" if error.filename else ""
    return Problem(
        code=Code.CP603,
        what=f"{subject} cannot be built",
        why=f"found: {error.strerror or error}{named}",
        fix=_MAKE_ROOM,
    )


def bug() -> Result:
    """Return the result of a build that an error of our own ended."""
    return Result(outcome="failed", problems=(own_failure(),))


def wrong_record(variant: str, found: str | None) -> Problem:
    """Say that a build made a wheel of another variant, or a plain one."""
    return Problem(
        code=Code.CP603,
        what=f"the build of variant `{variant}` made another wheel",
        why=f"wanted a record of `{variant}`, found {'no record' if found is None else f'that of `{found}`'}",
        fix="add `[tool.hatch.build.hooks.cudapin]`, and let `[build-system].requires` have this cudapin",
        variant=variant,
    )
