"""The arguments of the command line, and what is said of wrong ones."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn

from cudapin import __version__
from cudapin.core.fields import nearest
from cudapin.errors import Code, ConfigError, Problem

__all__ = ["make_parser"]


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


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of every command; its errors are raised as ConfigError."""
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
