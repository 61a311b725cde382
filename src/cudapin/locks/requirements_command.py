"""The command line in the header of a requirements file, and the files that it read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.locks.requirements import read_logical_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from cudapin.core.lock import Source
    from cudapin.locks.requirements import Header

__all__ = ["Inputs", "beside", "included", "input_paths", "is_pyproject", "read_command"]


_WITH_VALUE = {
    "--extra": "extras",
    "--group": "groups",
    "--only-group": "groups",
    "-c": "constraints",
    "--constraint": "constraints",
    "--constraints": "constraints",
    "--override": "overrides",
    "--overrides": "overrides",
}
_SEARCHED = ("requirements.in", "setup.py", "pyproject.toml", "setup.cfg")
"""What `pip-compile` looks for, in this order, when it is given no input."""
_BUILD_DEPS = ("--build-deps-for", "--all-build-deps", "--only-build-deps")
_SHORT_WITH_VALUE = re.compile(r"-([copifPCb])(.+)")
_NESTED = re.compile(r"(-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|(?<=-[rc])(?=\S))(.+)")
_OTHER_WITH_VALUE = frozenset(
    [
        "-o",
        "--output-file",
        "-p",
        "--python",
        "--python-version",
        "--python-platform",
        "--index-url",
        "-i",
        "--extra-index-url",
        "--index",
        "--default-index",
        "--find-links",
        "-f",
        "--no-binary",
        "--only-binary",
        "--upgrade-package",
        "-P",
        "--exclude-newer",
        "--resolution",
        "--prerelease",
        "--fork-strategy",
        "--index-strategy",
        "--keyring-provider",
        "--annotation-style",
        "--custom-compile-command",
        "--unsafe-package",
        "--no-emit-package",
        "--resolver",
        "--cache-dir",
        "--pip-args",
        "--cert",
        "--client-cert",
        "--trusted-host",
        "--config",
        "--torch-backend",
        "--link-mode",
        "--refresh-package",
        "--config-setting",
        "-C",
        "--allow-insecure-host",
        "--format",
        "--build-constraint",
        "--build-constraints",
        "-b",
        "--exclude",
        "--excludes",
        "--newline",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a compile command reads: files (`pyproject.toml`, `*.in`), extras, groups, constraint and override files.

    `searched` are the files of which the first that exists is read where none is named; `unjudged` are options
    that make the command read what is not judged here.
    """

    files: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    all_extras: bool = False
    is_uv: bool = False


def read_command(header: Header | None) -> Inputs:
    """Read the inputs off the recorded command line; without one, `pyproject.toml` itself."""
    found: dict[str, list[str]] = {name: [] for name in ("files", "extras", "groups", "constraints", "overrides")}
    arguments = list(header.arguments) if header else ["pip-compile", "pyproject.toml"]
    is_uv = arguments[:1] == ["uv"]
    start = 3 if arguments[1:2] == ["-m"] else 1
    if "compile" in arguments[start : start + 3]:
        start = arguments.index("compile", start) + 1
    rest = iter(arguments[start:])
    for argument in rest:
        option, equals, value = argument.partition("=")
        if short := _SHORT_WITH_VALUE.fullmatch(argument):
            option, equals, value = f"-{short[1]}", "=", short[2]
        if option in _WITH_VALUE:
            found[_WITH_VALUE[option]].append(value if equals else next(rest, ""))
        elif option in _OTHER_WITH_VALUE:
            if not equals:
                next(rest, "")
        elif argument == "-" or not argument.startswith("-"):
            found["files"].append(argument)
    return Inputs(
        files=tuple(found["files"]),
        extras=tuple(found["extras"]),
        groups=tuple(found["groups"]),
        constraints=tuple(found["constraints"]),
        overrides=tuple(found["overrides"]),
        searched=() if is_uv or found["files"] else _SEARCHED,
        unjudged=tuple(argument for argument in arguments if argument.partition("=")[0] in _BUILD_DEPS),
        all_extras="--all-extras" in arguments,
        is_uv=is_uv,
    )


def input_paths(inputs: Inputs, read: Callable[[str], Source | None]) -> tuple[str, ...]:
    """Return the input files other than `pyproject.toml`, with those that they include, as far as they exist.

    They are what an sdist has to carry for the verdict.
    """
    todo = [*inputs.files, *inputs.searched, *inputs.constraints, *inputs.overrides]
    found: dict[str, None] = {}
    while todo:
        path = todo.pop(0)
        source = None if path in found or is_pyproject(path) else read(path)
        if source is not None:
            found[path] = None
            lines = (text for _, text, _ in read_logical_lines(source.text))
            todo += [beside(path, nested[1]) for text in lines if (nested := included(text))]
    return tuple(found)


def is_pyproject(path: str) -> bool:
    """Tell whether a path is that of a project file, of this or another project."""
    return path.rsplit("/", 1)[-1] == "pyproject.toml"


def included(line: str) -> tuple[bool, str] | None:
    """Return whether a `-r` or `-c` line includes constraints, and the path it names; None for any other line."""
    found = _NESTED.fullmatch(line)
    return (found[1] in ("-c", "--constraint"), found[2].strip()) if found else None


def beside(path: str, name: str) -> str:
    """Return the path of a file that another file names relative to itself."""
    folder = path.rpartition("/")[0]
    return f"{folder}/{name}" if folder else name
