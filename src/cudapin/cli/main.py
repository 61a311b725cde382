"""The command line: arguments in, text or JSON and an exit code out."""

from __future__ import annotations

import argparse
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.cli.arguments import make_parser
from cudapin.cli.dispatch import run
from cudapin.core.verdict import exit_code, own_failure, problem_object, render_github, render_problem
from cudapin.errors import Code, CudapinError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cudapin.cli.commands import Outcome

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1, 2, 3 or 70, as the README says."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = argparse.Namespace(format=_format_in(arguments))
    outcome = None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = make_parser(arguments).parse_args(arguments)
        outcome = run(options)
        problems = outcome.problems
    except CudapinError as error:
        problems = error.problems
    except KeyboardInterrupt:
        return 130  # as shells call it
    except Exception:  # noqa: BLE001
        import traceback

        traceback.print_exc()
        problems = (own_failure(),)
    if (lost := _print(options, outcome, problems)) is not None:
        with suppress(OSError, AttributeError):
            print(render_problem(lost), file=sys.stderr)
        problems = (*problems, lost)
    return _exit_code(outcome, problems)


def _exit_code(outcome: Outcome | None, problems: tuple[Problem, ...]) -> int:
    return exit_code(problems) or (outcome.code if outcome else 0)


def _format_in(arguments: list[str]) -> str:
    """Find the format before the arguments are known to be right, so that their errors are printed in it too."""
    for position, argument in enumerate(arguments):
        if argument == "--format" and position + 1 < len(arguments):
            return arguments[position + 1]
        if argument.startswith("--format="):
            return argument.partition("=")[2]
    return "text"


def _name(options: argparse.Namespace) -> str:
    command = getattr(options, "command", None)
    action = getattr(options, "action", None)
    return " ".join(part for part in (command, action) if part) or "cudapin"


def _print(options: argparse.Namespace, outcome: Outcome | None, problems: tuple[Problem, ...]) -> Problem | None:
    """Write data to stdout and everything else to stderr; return the problem where the data got lost."""
    style = getattr(options, "format", "text")
    if style == "json":
        import json

        document = {
            "schema": 1,
            "command": _name(options),
            "ok": _exit_code(outcome, problems) == 0,
            "problems": [problem_object(problem) for problem in problems],
            **_project(options),
            **(outcome.data if outcome else {}),
        }
        return _write([json.dumps(document, indent=1)])
    shown = [problem for problem in problems if problem.level == "error" or not getattr(options, "quiet", False)]
    shown = [_placed(problem, options, style) for problem in shown]
    lines = [outcome.text] if outcome and outcome.text else []
    if style == "github":
        lines += map(render_github, shown)
    lost = _write(lines)
    with suppress(OSError, AttributeError):  # no standard error: the exit code says it
        for problem in shown if style != "github" else ():
            print(_coloured(render_problem(problem), problem, options), file=sys.stderr)
        if outcome and not getattr(options, "quiet", False):
            for note in (*outcome.notes, *_files_read(options)):
                print(f"note: {note}", file=sys.stderr)
    return lost


def _write(lines: list[str]) -> Problem | None:
    """Write lines to standard output; return the problem where they cannot be written to their end.

    A reader that has seen enough and left, as `head` does, is none.
    """
    if not lines:
        return None
    why = "there is none"
    try:
        if sys.stdout is not None:
            for line in lines:
                print(line)
            sys.stdout.flush()
            return None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return None
    except OSError as error:
        why = error.strerror or type(error).__name__
        with suppress(OSError):  # else Python tries once more as it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Problem(
        code=Code.CP112,
        what="what was asked for cannot be written to standard output",
        why=f"wanted an output that takes it, found: {why}",
        fix="run it again with an output that is open and has room",
    )


def _project(options: argparse.Namespace) -> dict[str, str]:
    """Return the directory that the places in a JSON document are relative to, where it is not the current one."""
    root = getattr(options, "root", None)
    shown = "." if root is None else os.path.relpath(root).replace(os.sep, "/")
    return {} if shown == "." else {"project": shown}


def _placed(problem: Problem, options: argparse.Namespace, style: str) -> Problem:
    """Return a problem with its place as the reader needs it."""
    root = getattr(options, "root", None)
    if root is None:
        return problem
    from cudapin.cli.places import in_repository, seen_from

    return in_repository(problem, root, os.environ) if style == "github" else seen_from(problem, root, Path())


def _files_read(options: argparse.Namespace) -> tuple[str, ...]:
    """Return which files of the project, and around it, counted; nothing without `-v`."""
    if not getattr(options, "verbose", False):
        return ()
    from cudapin.adapters.files import noted

    reads = (question.removeprefix("read ") for question in noted() if question.startswith("read "))
    return tuple(f"read {os.path.relpath(path)}" for path in sorted(set(reads)))


def _coloured(text: str, problem: Problem, options: argparse.Namespace) -> str:
    """Colour the first word, where asked for or on a terminal; `NO_COLOR` is obeyed."""
    wanted = getattr(options, "color", "auto")
    on = wanted == "always" or (wanted == "auto" and sys.stderr.isatty() and not os.environ.get("NO_COLOR"))
    if not on:
        return text
    head, bracket, rest = text.partition("]")
    return f"\033[1;{31 if problem.level == 'error' else 33}m{head}{bracket}\033[0m{rest}"
