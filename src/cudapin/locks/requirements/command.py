"""The command line in the header of a requirements file, and the files that it read."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.index import strip_credentials
from cudapin.locks.requirements.lock import read_logical_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cudapin.core.lock import Source
    from cudapin.locks.requirements.pins import Header

__all__ = ["Inputs", "beside", "included", "input_paths", "is_pyproject", "normalised", "read_command"]


_WITH_VALUE = {
    "--extra": "extras",
    "--group": "groups",
    "--only-group": "groups",
    "-c": "constraints",
    "--constraint": "constraints",
    "--constraints": "constraints",
    "--override": "overrides",
    "--overrides": "overrides",
    "--no-emit-package": "left_out",
    "--unsafe-package": "left_out",
    "--exclude": "excludes",
    "--excludes": "excludes",
}
_INDEX_OPTIONS = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--default-index": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "--index": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--torch-backend": "--torch-backend",
}
"""Options that say where packages come from -> what they are called here."""
_FLAGS = frozenset(
    [
        "--all-extras",
        "--allow-unsafe",
        "--emit-index-annotation",
        "--emit-index-url",
        "--generate-hashes",
        "--no-annotate",
        "--no-strip-extras",
        "--pre",
        "--quiet",
        "--strip-extras",
        "--universal",
        "--upgrade",
        "--verbose",
    ]
)
"""Options without a value after which any word is an input file."""
_LOOKS_LIKE_INPUT = re.compile(r"-|.*(?:[/\\].*|\.(?:in|txt|toml|py|cfg))", re.DOTALL)
_INDEX_NAME = re.compile(r"[A-Za-z0-9._-]+=")
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
        *_INDEX_OPTIONS,
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
        "--resolver",
        "--cache-dir",
        "--pip-args",
        "--cert",
        "--client-cert",
        "--trusted-host",
        "--config",
        "--link-mode",
        "--config-file",
        "--config-settings-package",
        "--directory",
        "--project",
        "--color",
        "--refresh-package",
        "--config-setting",
        "-C",
        "--allow-insecure-host",
        "--format",
        "--build-constraint",
        "--build-constraints",
        "-b",
        "--newline",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a compile command reads: files (`pyproject.toml`, `*.in`), extras, groups, constraint and override files.

    `searched` are the files of which the first that exists is read where none is named; `unjudged` are options
    that make the command read what is not judged here; `index_options` say where packages come from. What uv does
    not write into what it makes is named by `left_out`, and by the files in `excludes` (`pip-compile` says in what
    it writes which names it left out).
    """

    files: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    index_options: tuple[tuple[str, str], ...] = ()
    python_platform: str | None = None
    all_extras: bool = False
    is_uv: bool = False
    is_universal: bool = False
    keeps_extras: bool = False

    @property
    def indexes(self) -> tuple[str, ...]:
        """The addresses that the index options name, without credentials."""
        return tuple(address for _, address in self.index_options if address)


def read_command(header: Header | None) -> Inputs:
    """Read the inputs off the recorded command line; without one, `pyproject.toml` itself."""
    found: dict[str, list[str]] = {name: [] for name in ("files", *dict.fromkeys(_WITH_VALUE.values()))}
    arguments = list(header.arguments) if header else ["pip-compile", "pyproject.toml"]
    is_uv = arguments[:1] == ["uv"]
    start = 3 if arguments[1:2] == ["-m"] else 1
    if "compile" in arguments[start : start + 3]:
        start = arguments.index("compile", start) + 1
    indexes: list[tuple[str, str]] = []
    python_platform = None
    for option, value in _options(arguments[start:]):
        if option in _WITH_VALUE:
            found[_WITH_VALUE[option]].append(value)
        elif option == "--python-platform":
            python_platform = value
        elif option == "":
            found["files"].append(value)
        else:
            indexes += _indexes(option, value)
    return Inputs(
        files=tuple(normalised(path) for path in found["files"]),
        extras=tuple(found["extras"]),
        groups=tuple(found["groups"]),
        constraints=tuple(normalised(path) for path in found["constraints"]),
        overrides=tuple(normalised(path) for path in found["overrides"]),
        excludes=tuple(normalised(path) for path in found["excludes"]),
        left_out=tuple(found["left_out"]) if is_uv else (),
        searched=() if is_uv or found["files"] else _SEARCHED,
        unjudged=tuple(argument for argument in arguments if argument.partition("=")[0] in _BUILD_DEPS),
        index_options=tuple(indexes),
        python_platform=python_platform,
        all_extras="--all-extras" in arguments,
        is_uv=is_uv,
        is_universal=is_uv and "--universal" in arguments,
        keeps_extras="--no-strip-extras" in arguments,
    )


def _options(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (option, value), with an empty value for a flag and an empty option for an input file.

    What follows an option that is not known here is its value, unless it looks like a file.
    """
    rest = iter(arguments)
    previous = ""
    for argument in rest:
        option, equals, value = argument.partition("=")
        if short := _SHORT_WITH_VALUE.fullmatch(argument):
            option, equals, value = f"-{short[1]}", "=", short[2]
        if option in _WITH_VALUE or option in _OTHER_WITH_VALUE:
            yield option, value if equals else next(rest, "")
        elif argument != "-" and argument.startswith("-"):
            yield option, value
            previous = argument if argument.startswith("--") and not equals and argument not in _FLAGS else ""
            continue
        elif not previous or _LOOKS_LIKE_INPUT.fullmatch(argument):
            yield "", argument
        previous = ""


def _indexes(option: str, value: str) -> Iterator[tuple[str, str]]:
    """Yield the index options that one option stands for, with their addresses."""
    if option == "--no-index":
        yield option, ""
    elif option in _INDEX_OPTIONS:
        named = option in ("--index", "--default-index") and _INDEX_NAME.match(value)
        yield _INDEX_OPTIONS[option], strip_credentials(value[named.end() :] if named else value)
    elif option == "--pip-args":
        try:
            arguments = shlex.split(value)
        except ValueError:
            return
        for inner, inner_value in _options(arguments):
            if inner != option:
                yield from _indexes(inner, inner_value)


def input_paths(inputs: Inputs, read: Callable[[str], Source | None]) -> tuple[str, ...]:
    """Return the input files other than `pyproject.toml`, with those that they include, as far as they exist.

    They are what an sdist has to carry for the verdict.
    """
    todo = [*inputs.files, *inputs.searched, *inputs.constraints, *inputs.overrides, *inputs.excludes]
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
    return normalised(name if "://" in name else posixpath.join(posixpath.dirname(path), name))


def normalised(path: str) -> str:
    """Return a path without `.` and `..` where it can do without; an address is returned unchanged."""
    return posixpath.normpath(path) if path and "://" not in path else path
