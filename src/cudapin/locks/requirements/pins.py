"""What a compiled lock pins, and the command that made it: the part that a verdict needs, whatever its format.

A requirements file and a `pylock.toml` of the same `uv pip compile` differ in their text only, so they are judged by
one rule (`fresh`), which sees them as `Pins`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from cudapin.core.index import strip_all_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cudapin.core.lock import Source
    from cudapin.locks.requirements.command import Inputs

__all__ = ["Entry", "Header", "Pins", "by_name", "find_left_out", "holds", "is_strong_hash", "read_header"]

_COMMAND = re.compile(r"^#\s+((?:uv|pip-compile|python[\d.]* -m piptools|poetry|pdm|cudapin)\b.*)$")
_LEFT_OUT = re.compile(
    r"^# (?:The following packages (?:are considered to be unsafe in a requirements file|were excluded from the output)"
    r":|satisfied by a package already installed\.[^\n]*)\r?\n((?:# *[A-Za-z0-9][A-Za-z0-9._-]*[ \t]*\r?(?:\n|\Z))+)",
    re.MULTILINE,
)
_HASH_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_HEX = frozenset("0123456789abcdefABCDEF")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The command that made the file, as its first comment records it, without credentials."""

    command: str
    arguments: tuple[str, ...]

    @property
    def is_export(self) -> bool:
        """Whether the file was derived from another lock file, by `uv export`, `poetry export` and their like."""
        words = [argument for argument in self.arguments if not argument.startswith("-")]
        return words[1:2] == ["export"] and words[0] in ("uv", "poetry", "pdm", "cudapin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One locked requirement: exact version, or URL, its marker, hashes, and the names of what asked for it.

    `extras` and `index` are empty and None where the file does not record them; `url` is empty for a directory.
    """

    name: str
    version: str | None
    url: str | None
    marker: str | None
    hashes: tuple[tuple[str, str], ...]
    via: tuple[str, ...]
    line: int
    extras: frozenset[str] = frozenset()
    index: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pins:
    """All that a lock pins and says of its making.

    `left_out` are names that were resolved, or would be, and are not pinned on purpose; `remake` is the command, or
    the advice, that makes the file anew; `has_local` and `keeps_extras` as in `RequirementsLock`.
    """

    source: Source
    header: Header | None
    inputs: Inputs
    entries: tuple[Entry, ...]
    remake: str
    left_out: frozenset[str] = frozenset()
    has_local: bool = False
    keeps_extras: bool = False

    @cached_property
    def by_name(self) -> Mapping[str, list[Entry]]:
        """The entries by normalised name."""
        return by_name(self.entries)


def by_name(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the entries by normalised name."""
    result: dict[str, list[Entry]] = {}
    for entry in entries:
        result.setdefault(entry.name, []).append(entry)
    return result


def read_header(text: str, path: str = "") -> Header | None:
    """Find the command in the first comment; uv writes the path of the file without quotes, spaces or not."""
    for line in text.split("\n", 12)[:12]:
        if line and not line.startswith("#"):
            break
        if command := _COMMAND.match(line):
            text = strip_all_credentials(command[1].strip())
            text = text.replace(f" {path}", f" {shlex.quote(path)}") if " " in path else text
            try:
                return Header(command=text, arguments=tuple(shlex.split(text)))
            except ValueError:
                return None
    return None


def find_left_out(text: str) -> frozenset[str]:
    r"""Return the names that `pip-compile` and uv say, at the end of what they write, to have left out.

    >>> sorted(find_left_out("# The following packages were excluded from the output:\n# setuptools\n"))
    ['setuptools']
    """
    from packaging.utils import canonicalize_name

    names = (line.strip("# \t\r") for found in _LEFT_OUT.finditer(text) for line in found[1].split("\n"))
    return frozenset(canonicalize_name(name) for name in names if name)


def is_strong_hash(algorithm: str, digest: str) -> bool:
    """Tell whether a digest is one that pip accepts with `--require-hashes`: SHA-256, 384 or 512, and whole."""
    return len(digest) == _HASH_LENGTHS.get(algorithm) and _HEX.issuperset(digest)


@lru_cache(maxsize=4096)
def _marker_holds(marker: str, environment: tuple[tuple[str, str], ...]) -> bool:
    from packaging.markers import Marker

    return Marker(marker).evaluate(dict(environment))


def holds(marker: str | None, environment: Mapping[str, str]) -> bool:
    """Evaluate a PEP 508 marker; None always holds."""
    return marker is None or _marker_holds(marker, tuple(sorted(environment.items())))
