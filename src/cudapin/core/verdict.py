"""Problems as text for people and as plain objects for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.errors import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "exit_code",
    "own_failure",
    "problem_object",
    "render_github",
    "render_problem",
    "render_problems",
    "visible",
]

_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), 127)}
"""What a name in a file could do to a terminal, or to whoever reads our lines, in a form that is only shown."""
_CANNOT_JUDGE = ("CP205", "CP206", "CP305", "CP416", "CP417", "CP501", "CP736")


def exit_code(problems: Iterable[Problem]) -> int:
    """Return 0 (fine), 1 (found wanting), 2 (wrong use), 3 (could not judge) or 70 (our own bug).

    Warnings count for nothing; of several, 70 goes before 2, 2 before 3, 3 before 1.
    """
    codes = {problem.code.name for problem in problems if problem.level == "error"}
    if "CP900" in codes:
        return 70
    if any(code.startswith("CP1") for code in codes):
        return 2
    if codes.intersection(_CANNOT_JUDGE):
        return 3
    return 1 if codes else 0


def own_failure() -> Problem:
    """Return the problem that stands for a bug of cudapin, to be shown after its traceback."""
    return Problem(
        code=Code.CP900,
        what="cudapin itself failed",
        why="this is never a fault of yours",
        fix="report it, with the traceback above, as an issue of cudapin; `CUDAPIN=off` builds without it",
    )


def visible(text: str) -> str:
    """Return a text of one line with its control characters spelled out, as a name in a file may hold some."""
    return text.translate(_CONTROLS)


def render_problem(problem: Problem) -> str:
    """Return the four lines that every front end shows."""
    lines = [f"{problem.level}[{problem.code.name}]: {problem.what}"]
    if problem.where is not None:
        lines.append(f"  --> {problem.where}")
    lines += [f"  why: {problem.why}", f"  fix: {problem.fix}"]
    return "\n".join(visible(line) for line in lines)


def render_problems(problems: Iterable[Problem]) -> str:
    """Return all problems, each as `render_problem` writes it."""
    return "\n".join(render_problem(problem) for problem in problems)


def render_github(problem: Problem) -> str:
    """Return the workflow command that annotates the place in a GitHub Actions run."""
    where = problem.where
    path = "" if where is None else _escaped(where.path).replace(":", "%3A").replace(",", "%2C")
    place = "" if where is None else f"file={path}," + (f"line={where.line}," if where.line else "")
    text = f"{problem.what}. why: {problem.why}. fix: {problem.fix}"
    return f"::{problem.level} {place}title={problem.code.name}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A").translate(_CONTROLS)


def problem_object(problem: Problem) -> dict[str, object]:
    """Return the JSON form of a problem."""
    where = problem.where
    return {
        "code": problem.code.name,
        "level": problem.level,
        "what": problem.what,
        "where": None if where is None else {"path": where.path, "line": where.line, "key": where.key},
        "why": problem.why,
        "fix": problem.fix,
    }
