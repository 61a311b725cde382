"""The command line: arguments in, text or JSON and an exit code out."""

from __future__ import annotations

import argparse
import difflib
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cudapin import __version__
from cudapin.core.fields import nearest
from cudapin.core.verdict import exit_code, own_failure, problem_object, render_github, render_problem
from cudapin.errors import Code, ConfigError, CudapinError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cudapin.cli.commands import Outcome

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are problems like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise ConfigError instead of printing a usage."""
        raise ConfigError(
            Problem(
                code=Code.CP112,
                what=f"`{self.prog}` does not understand its arguments",
                why=message.replace("\n", " "),
                fix=_advice(self, message),
            )
        )


def _advice(parser: argparse.ArgumentParser, message: str) -> str:
    wrong = message.rsplit("invalid choice: ", maxsplit=1)[-1].split("'") if "invalid choice: " in message else []
    if len(wrong) > 1:
        choices = [part for part in wrong[2:] if part.strip(" ,()") and "choose" not in part]
        known = choices or message.rsplit("choose from ", maxsplit=1)[-1].rstrip(")").replace(" ", "").split(",")
        return nearest(wrong[1], known)
    if message.startswith("unrecognized arguments: -"):
        option = message.split(": ", 1)[1].split(maxsplit=1)[0].partition("=")[0]
        close = difflib.get_close_matches(option, sorted(_options(parser)), n=1)
        if close:
            return f"use `{close[0]}`"
    return f"{parser.prog} --help"


def _options(parser: argparse.ArgumentParser) -> set[str]:
    """Return every option of the parser and of its commands."""
    found: set[str] = set()
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to ask
        found.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command in action.choices.values():
                found |= _options(command)
    return found


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--project", metavar="DIR", help="the project (default: here, else upwards)")
    common.add_argument("--format", choices=("text", "json", "github"), help="how to print (default: text)")
    common.add_argument("--color", choices=("auto", "always", "never"), help="colour in text (default: auto)")
    common.add_argument("-q", "--quiet", action="store_true", help="no warnings and no notes")
    common.add_argument("-v", "--verbose", action="store_true", help="also say which files counted")

    parser = _Parser(
        prog="cudapin",
        parents=[common],
        description="Check that a project's lock file, CUDA variants and builds agree. No command needs a GPU.",
    )
    parser.add_argument("--version", action="version", version=f"cudapin {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    check = commands.add_parser("check", parents=[common], help="all static checks of the project")
    chosen = check.add_mutually_exclusive_group()
    chosen.add_argument("--variant", action="append", metavar="V", help="check this variant (may be repeated)")
    chosen.add_argument("--all", action="store_true", help="check every variant (the default)")
    check.add_argument("--python", metavar="X.Y", help="for this Python (default: the running one)")
    check.add_argument("--platform", metavar="TAG", help="for this platform, such as linux_x86_64 or win_amd64")

    lock = commands.add_parser("lock", parents=[common], help="judge or show the lock file")
    actions = lock.add_subparsers(dest="action", metavar="ACTION", required=True)
    judge = actions.add_parser("check", parents=[common], help="is the lock file fresh?")
    judge.add_argument("--lock", metavar="FILE", help="this lock file (default: those of the project)")
    show = actions.add_parser("show", parents=[common], help="what the lock file selects")
    show.add_argument("--variant", metavar="V", help="for this variant (default: the default one)")
    show.add_argument("--extra", action="append", default=[], metavar="E", help="for this extra (may be repeated)")
    show.add_argument("--group", action="append", default=[], metavar="G", help="for this group (may be repeated)")
    show.add_argument("--python", metavar="X.Y", help="for this Python (default: the running one)")
    show.add_argument("--platform", metavar="TAG", help="for this platform, such as linux_x86_64 or win_amd64")
    diff = actions.add_parser("diff", parents=[common], help="what changed between two lock files, for each variant")
    diff.add_argument("old", metavar="OLD", help="a lock file, or `REV:PATH` for one in a git revision")
    diff.add_argument("new", metavar="NEW", help="the same, for the lock file to compare it with")
    diff.add_argument("--exit-code", action="store_true", help="exit 1 where they differ")
    diff.add_argument("--python", metavar="X.Y", help="for this Python (default: the running one)")
    diff.add_argument("--platform", metavar="TAG", help="for this platform, such as linux_x86_64 or win_amd64")
    _add_export(commands, common)
    doctor = commands.add_parser("doctor", parents=[common], help="what machine and environment are, and what fits")
    doctor.add_argument("--variant", metavar="V", help="the variant that the environment should be")
    doctor.add_argument("--python", metavar="EXE", help="the environment of this Python (default: the running one)")
    audit = commands.add_parser("audit", parents=[common], help="are the compiled files of wheels of the right CUDA?")
    audit.add_argument("wheels", nargs="+", metavar="WHEEL", help="a wheel, of this project or of anyone")
    audit.add_argument("--variant", metavar="V", help="of this variant (default: what the wheel says of itself)")
    return parser


def _add_export(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    export = commands.add_parser("export", parents=[common], help="what the lock file selects, as an installable file")
    export.add_argument(
        "--to", required=True, choices=("requirements", "pylock", "auditwheel-excludes"), help="the format of the file"
    )
    export.add_argument("--variant", metavar="V", help="for this variant (default: the default one)")
    export.add_argument("--extra", action="append", default=[], metavar="E", help="for this extra (may be repeated)")
    export.add_argument("--group", action="append", default=[], metavar="G", help="for this group (may be repeated)")
    export.add_argument("--python", metavar="X.Y", help="for this Python (default: the running one)")
    export.add_argument("--platform", metavar="TAG", help="for this platform, such as linux_x86_64 or win_amd64")
    export.add_argument("-o", "--output", metavar="FILE", help="write it there (default: to standard output)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1, 2, 3 or 70, as the README says."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = argparse.Namespace(format=_format_in(arguments))
    outcome = None
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = _parser().parse_args(arguments)
        outcome = _run(options)
        problems = outcome.problems
    except CudapinError as error:
        problems = error.problems
    except Exception:  # noqa: BLE001
        import traceback

        traceback.print_exc()
        problems = (own_failure(),)
    try:
        _print(options, outcome, problems)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, AttributeError):  # a full disk, or no standard output at all
        return 70
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


def _run(options: argparse.Namespace) -> Outcome:
    from cudapin.adapters.files import start_noting
    from cudapin.adapters.project import find_root
    from cudapin.cli import commands

    if getattr(options, "verbose", False):
        start_noting()
    if options.command in ("audit", "doctor"):
        return _run_anywhere(options)
    root = find_root(Path(getattr(options, "project", ".")))
    if options.command == "check":
        return commands.check(root, os.environ, options.variant, options.python, options.platform)
    if options.command == "export":
        from cudapin.cli.export import export

        return export(
            root,
            os.environ,
            variant=options.variant,
            extras=options.extra,
            groups=options.group,
            python=options.python,
            platform=options.platform,
            to=options.to,
            output=options.output,
        )
    if options.action == "check":
        return commands.lock_check(root, os.environ, options.lock)
    if options.action == "diff":
        from cudapin.cli.diff import lock_diff

        return lock_diff(
            root,
            os.environ,
            options.old,
            options.new,
            python=options.python,
            platform=options.platform,
            is_code_wanted=options.exit_code,
        )
    return commands.lock_show(
        root,
        os.environ,
        variant=options.variant,
        extras=options.extra,
        groups=options.group,
        python=options.python,
        platform=options.platform,
    )


def _run_anywhere(options: argparse.Namespace) -> Outcome:
    """Run a command that needs no project."""
    start = Path(getattr(options, "project", "."))
    if options.command == "audit":
        from cudapin.cli.audit import audit

        return audit(start, os.environ, options.wheels, options.variant)
    from cudapin.cli.doctor import doctor

    is_named = "project" in options
    return doctor(start, os.environ, variant=options.variant, python=options.python, is_named=is_named)


def _name(options: argparse.Namespace) -> str:
    command = getattr(options, "command", None)
    action = getattr(options, "action", None)
    return " ".join(part for part in (command, action) if part) or "cudapin"


def _print(options: argparse.Namespace, outcome: Outcome | None, problems: tuple[Problem, ...]) -> None:
    """Write data to stdout and everything else to stderr."""
    style = getattr(options, "format", "text")
    if style == "json":
        document = {
            "schema": 1,
            "command": _name(options),
            "ok": _exit_code(outcome, problems) == 0,
            "problems": [problem_object(problem) for problem in problems],
            **(outcome.data if outcome else {}),
        }
        print(json.dumps(document, indent=1))
        return
    if outcome and outcome.text:
        print(outcome.text)
    shown = [problem for problem in problems if problem.level == "error" or not getattr(options, "quiet", False)]
    for problem in shown:
        if style == "github":
            print(render_github(problem))
        else:
            print(_coloured(render_problem(problem), problem, options), file=sys.stderr)
    if outcome and not getattr(options, "quiet", False):
        for note in (*outcome.notes, *_files_read(options)):
            print(f"note: {note}", file=sys.stderr)


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
