"""The arguments of the command line, and what is said of wrong ones."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from cudapin import __version__
from cudapin.core.fields import nearest
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def make_parser(arguments: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser; its errors are raised as ConfigError.

    Of the commands that `arguments` do not name it knows no more than the name; without `arguments` it knows all.
    """
    common = _common()
    parser = _Parser(
        prog="cudapin",
        parents=[common],
        description="Check, build and release one wheel for each CUDA variant. No command needs a GPU.",
    )
    parser.add_argument("--version", action="version", version=f"cudapin {__version__}")
    _add_commands(parser, "command", "COMMAND", _COMMANDS, common, arguments)
    return parser


def _common() -> _Parser:
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--project", metavar="DIR", help="the project (default: here, else upwards)")
    common.add_argument("--format", choices=("text", "json", "github"), help="how to print (default: text)")
    common.add_argument("--color", choices=("auto", "always", "never"), help="colour in text (default: auto)")
    common.add_argument("-q", "--quiet", action="store_true", help="no warnings and no notes")
    common.add_argument("-v", "--verbose", action="store_true", help="also say which files counted")
    return common


def _add_commands(
    parser: _Parser,
    dest: str,
    metavar: str,
    commands: dict[str, tuple[str, Callable[[_Parser], None]]],
    common: _Parser,
    arguments: Sequence[str] | None,
) -> None:
    # Without `prog`, argparse would load what lays out a usage only to spell the name.
    added = parser.add_subparsers(dest=dest, metavar=metavar, required=True, prog=parser.prog)
    for name, (purpose, fill) in commands.items():
        if arguments is None or name in arguments:
            fill(added.add_parser(name, parents=[common], help=purpose))
        else:
            added.add_parser(name, add_help=False, help=purpose)


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--python", metavar="X.Y", help="for this Python (default: the running one)")
    parser.add_argument("--platform", metavar="TAG", help="for this platform, such as linux_x86_64 or win_amd64")


def _selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--variant", metavar="V", help="for this variant (default: the default one)")
    parser.add_argument("--extra", action="append", default=[], metavar="E", help="for this extra (may be repeated)")
    parser.add_argument("--group", action="append", default=[], metavar="G", help="for this group (may be repeated)")
    _target(parser)


def _dists(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dists", nargs="+", metavar="DIST", help="a wheel, an sdist, or a folder of them")


def _audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wheels", nargs="+", metavar="WHEEL", help="a wheel, of this project or of anyone")
    parser.add_argument("--variant", metavar="V", help="of this variant (default: what the wheel says of itself)")


def _build(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--variant", action="append", metavar="V", help="of this variant (may be repeated)")
    chosen.add_argument("--all", action="store_true", help="of every variant (default: of the default one)")
    parser.add_argument("-o", "--output", metavar="DIR", help="where to (default: `dist` in the project)")
    parser.add_argument("--sdist", action="store_true", help="also the sdist")
    parser.add_argument("--label", action="store_true", help="labelled wheels (PEP 825, a draft), into `DIR/variants`")
    parser.add_argument(
        "-j", "--jobs", metavar="N", help="so many at a time (default: one for each core; 1 for `.cu` files)"
    )


def _check(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--variant", action="append", metavar="V", help="check this variant (may be repeated)")
    chosen.add_argument("--all", action="store_true", help="check every variant (the default)")
    _target(parser)


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--variant", metavar="V", help="the variant that the environment should be")
    parser.add_argument("--python", metavar="EXE", help="the environment of this Python (default: the running one)")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="such as CP201 (default: list all codes)")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", required=True, choices=("requirements", "pylock", "auditwheel-excludes"), help="the format of the file"
    )
    _selection(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there (default: to standard output)")


def _index(parser: argparse.ArgumentParser) -> None:
    _dists(parser)
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the folder of the index, new or not")


def _init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--write", action="store_true", help="write it into `pyproject.toml`")
    parser.add_argument("--default", metavar="V", help="the variant of a build that names none")
    parser.add_argument("--lock", metavar="FILE", help="the lock file, where there are several")


def _lock_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lock", metavar="FILE", help="this lock file (default: those of the project)")


def _lock_diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a lock file, or `REV:PATH` for one in a git revision")
    parser.add_argument("new", metavar="NEW", help="the same, for the lock file to compare it with")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 where they differ")
    _target(parser)


def _lock(parser: _Parser) -> None:
    _add_commands(parser, "action", "ACTION", _LOCK_COMMANDS, _common(), None)


def _matrix(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", choices=("table", "json", "github", "svg"), default="table", help="the form (default: table)"
    )
    parser.add_argument("--variant", action="append", metavar="V", help="only this variant (may be repeated)")
    parser.add_argument("--python", action="append", metavar="X.Y", help="only this Python (may be repeated)")
    parser.add_argument("--platform", action="append", metavar="TAG", help="only this platform (may be repeated)")


def _publish_check(parser: argparse.ArgumentParser) -> None:
    _dists(parser)
    parser.add_argument(
        "--to", choices=("public", "private"), default="public", help="the kind of index (default: public)"
    )
    parser.add_argument("--accept-waivers", action="store_true", help="let recorded waivers and switches pass")
    parser.add_argument("--previous", metavar="DIST", help="a wheel of the release before, or a folder with it")
    parser.add_argument("--max-size", metavar="SIZE", help="refuse larger files, such as 100MiB or 2GB")


_LOCK_COMMANDS: dict[str, tuple[str, Callable[[_Parser], None]]] = {
    "check": ("is the lock file fresh?", _lock_check),
    "show": ("what the lock file selects", _selection),
    "diff": ("what changed between two lock files, for each variant", _lock_diff),
}
_COMMANDS: dict[str, tuple[str, Callable[[_Parser], None]]] = {
    "init": ("what the project lacks to use cudapin, as a diff", _init),
    "check": ("all static checks of the project", _check),
    "lock": ("judge or show the lock file", _lock),
    "matrix": ("which variants exist for which Python and platform", _matrix),
    "export": ("what the lock file selects, as an installable file", _export),
    "doctor": ("what machine and environment are, and what fits", _doctor),
    "build": ("the wheels of variants, isolated and side by side", _build),
    "audit": ("are the compiled files of wheels of the right CUDA?", _audit),
    "publish-check": ("is a release fit to publish, who gets what?", _publish_check),
    "index": ("a static package index, one tree for each variant", _index),
    "explain": ("the long form of a problem's code", _explain),
}
