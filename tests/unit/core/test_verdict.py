"""Problems as text, workflow commands and objects; exit codes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cudapin.core.verdict import exit_code, problem_object, render_github, render_problem, render_problems
from cudapin.errors import Code, ConfigError, CudapinError, LockError, MachineError, Problem, Refusal, Where

if TYPE_CHECKING:
    from collections.abc import Callable

PROBLEM = Problem(
    code=Code.CP201,
    what="the lock is stale",
    why="wanted `a`, found `b`",
    fix="uv lock",
    where=Where(path="uv.lock", line=3, key="package.a"),
)


def of(*codes: Code) -> list[Problem]:
    return [replace(PROBLEM, code=code) for code in codes]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), 0),
        ((Code.CP201,), 1),
        ((Code.CP404, Code.CP302), 1),
        ((Code.CP205,), 3),
        ((Code.CP206,), 3),
        ((Code.CP305,), 3),
        ((Code.CP501,), 3),
        ((Code.CP201, Code.CP205), 3),
        ((Code.CP201, Code.CP205, Code.CP102), 2),
        ((Code.CP109,), 2),
        ((Code.CP102, Code.CP900), 70),
    ],
)
def test_exit_code(codes: tuple[Code, ...], expected: int) -> None:
    assert exit_code(of(*codes)) == expected
    assert exit_code([replace(problem, level="warning") for problem in of(*codes)]) == 0


def test_text() -> None:
    text = "error[CP201]: the lock is stale\n  --> uv.lock:3 (package.a)\n  why: wanted `a`, found `b`\n  fix: uv lock"
    bare = "warning[CP201]: the lock is stale\n  why: wanted `a`, found `b`\n  fix: uv lock"
    assert render_problem(PROBLEM) == text
    assert render_problems([PROBLEM, replace(PROBLEM, where=None, level="warning")]) == f"{text}\n{bare}"


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (PROBLEM, "::error file=uv.lock,line=3,title=CP201::"),
        (replace(PROBLEM, where=Where(path="uv.lock"), level="warning"), "::warning file=uv.lock,title=CP201::"),
        (replace(PROBLEM, where=None), "::error title=CP201::"),
        (replace(PROBLEM, where=Where(path="a,b:c%\n")), "::error file=a%2Cb%3Ac%25%0A,title=CP201::"),
    ],
)
def test_workflow_command(problem: Problem, expected: str) -> None:
    assert render_github(problem) == f"{expected}the lock is stale. why: wanted `a`, found `b`. fix: uv lock"


def test_a_workflow_command_is_one_line() -> None:
    text = render_github(replace(PROBLEM, what="100%\r\n::error::x"))
    assert (
        text
        == "::error file=uv.lock,line=3,title=CP201::100%25%0D%0A::error::x. why: wanted `a`, found `b`. fix: uv lock"
    )


@pytest.mark.parametrize("render", [render_problem, render_github])
def test_what_a_file_holds_cannot_steer_a_terminal(render: Callable[[Problem], str]) -> None:
    text = render(replace(PROBLEM, what="a\x1b[31m\n::error::x"))
    assert "\x1b" not in text
    assert "\n::error" not in text


def test_object() -> None:
    assert problem_object(PROBLEM) == {
        "code": "CP201",
        "level": "error",
        "what": "the lock is stale",
        "where": {"path": "uv.lock", "line": 3, "key": "package.a"},
        "why": "wanted `a`, found `b`",
        "fix": "uv lock",
    }
    assert problem_object(replace(PROBLEM, where=None))["where"] is None


def test_errors_sort_their_problems_and_name_them() -> None:
    error = CudapinError(replace(PROBLEM, where=Where(path="z")), PROBLEM, PROBLEM)
    assert [problem.where for problem in error.problems] == [PROBLEM.where, Where(path="z")]
    assert str(error) == "CP201: the lock is stale\nCP201: the lock is stale"


def test_exit_codes_of_errors() -> None:
    kinds = (CudapinError, Refusal, ConfigError, LockError, MachineError)
    assert [kind.exit_code for kind in kinds] == [70, 1, 2, 3, 3]
