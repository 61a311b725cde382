"""The arguments of the command line, and what is said of wrong ones."""

from __future__ import annotations

import argparse
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
        import difflib

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
    # Without `prog`, argparse would load what lays out a usage only to spell these two.
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, prog="cudapin")

    check = commands.add_parser("check", parents=[common], help="all static checks of the project")
    chosen = check.add_mutually_exclusive_group()
    chosen.add_argument("--variant", action="append", metavar="V", help="check this variant (may be repeated)")
    chosen.add_argument("--all", action="store_true", help="check every variant (the default)")
    check.add_argument("--python", metavar="X.Y", help="for this Python (default: the running one)")
    check.add_argument("--platform", metavar="TAG", help="for this platform, such as linux_x86_64 or win_amd64")

    lock = commands.add_parser("lock", parents=[common], help="judge or show the lock file")
    actions = lock.add_subparsers(dest="action", metavar="ACTION", required=True, prog="cudapin lock")
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
    _add_matrix(commands, common)
    init = commands.add_parser("init", parents=[common], help="what the project lacks to use cudapin, as a diff")
    init.add_argument("--write", action="store_true", help="write it into `pyproject.toml`")
    init.add_argument("--default", metavar="V", help="the variant of a build that names none")
    init.add_argument("--lock", metavar="FILE", help="the lock file, where there are several")
    _add_build(commands, common)
    explain = commands.add_parser("explain", parents=[common], help="the long form of a problem's code")
    explain.add_argument("code", nargs="?", metavar="CODE", help="such as CP201 (default: list all codes)")
    audit = commands.add_parser("audit", parents=[common], help="are the compiled files of wheels of the right CUDA?")
    audit.add_argument("wheels", nargs="+", metavar="WHEEL", help="a wheel, of this project or of anyone")
    audit.add_argument("--variant", metavar="V", help="of this variant (default: what the wheel says of itself)")
    _add_release(commands, common)
    return parser


def _add_release(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    index = commands.add_parser("index", parents=[common], help="a static package index, one tree for each variant")
    index.add_argument("dists", nargs="+", metavar="DIST", help="a wheel, an sdist, or a folder of them")
    index.add_argument("-o", "--output", required=True, metavar="DIR", help="the folder of the index, new or not")
    publish = commands.add_parser("publish-check", parents=[common], help="is a release fit to publish, who gets what?")
    publish.add_argument("dists", nargs="+", metavar="DIST", help="a wheel, an sdist, or a folder of them")
    publish.add_argument(
        "--to", choices=("public", "private"), default="public", help="the kind of index (default: public)"
    )
    publish.add_argument("--accept-waivers", action="store_true", help="let recorded waivers and switches pass")
    publish.add_argument("--previous", metavar="DIST", help="a wheel of the release before, or a folder with it")
    publish.add_argument("--max-size", metavar="SIZE", help="refuse larger files, such as 100MiB or 2GB")


def _add_matrix(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    matrix = commands.add_parser("matrix", parents=[common], help="which variants exist for which Python and platform")
    matrix.add_argument(
        "--to", choices=("table", "json", "github", "svg"), default="table", help="the form (default: table)"
    )
    matrix.add_argument("--variant", action="append", metavar="V", help="only this variant (may be repeated)")
    matrix.add_argument("--python", action="append", metavar="X.Y", help="only this Python (may be repeated)")
    matrix.add_argument("--platform", action="append", metavar="TAG", help="only this platform (may be repeated)")


def _add_build(commands: argparse._SubParsersAction[_Parser], common: _Parser) -> None:
    build = commands.add_parser("build", parents=[common], help="the wheels of variants, isolated and side by side")
    chosen = build.add_mutually_exclusive_group()
    chosen.add_argument("--variant", action="append", metavar="V", help="of this variant (may be repeated)")
    chosen.add_argument("--all", action="store_true", help="of every variant (default: of the default one)")
    build.add_argument("-o", "--output", metavar="DIR", help="where to (default: `dist` in the project)")
    build.add_argument("--sdist", action="store_true", help="also the sdist")
    build.add_argument("--label", action="store_true", help="labelled wheels (PEP 825, a draft), into `DIR/variants`")
    build.add_argument(
        "-j", "--jobs", metavar="N", help="so many at a time (default: one for each core; 1 for `.cu` files)"
    )


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
