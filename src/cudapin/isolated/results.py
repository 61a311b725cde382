"""How builds ended, in words and problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from cudapin.core.index import strip_all_credentials
from cudapin.core.said import read_said
from cudapin.core.verdict import own_failure
from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cudapin.isolated.backend import StepError

__all__ = ["Outcome", "Reporter", "Result", "Results", "failed", "wrong_record"]

Outcome = Literal["built", "refused", "failed", "not run"]

_SHOWN = 120


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
    said = f"; it said: {strip_all_credentials(telling[-1])[:_SHOWN]}" if telling else ""
    problem = Problem(
        code=Code.CP603,
        what=f"{subject} cannot be built{origin}",
        why=f"{error.step} failed with exit code {error.code}{said}",
        fix=error.fix,
    )
    return Result(outcome="failed", problems=(problem,))


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
