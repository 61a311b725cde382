"""The text of a `uv.lock` as a table, fast.

Most of a lock are packages of indexes, and most of these are files and dependencies that a check seldom looks at.
Those in exactly the form in which uv writes them are cut out before the TOML parser sees them, and their parts read
only when asked for.
Whatever differs from that form in a single character stays in, so the result never depends on the shortcut.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Union

import tomli

from cudapin.core.locate import find_array_lines
from cudapin.locks.lock_text import lock_error as _lock_error
from cudapin.locks.lock_text import parse_toml
from cudapin.locks.uv.model import UvEdge, UvSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.lock import Source
    from cudapin.errors import LockError

__all__ = ["EdgeText", "MarkerText", "PackageText", "WheelText", "lock_error", "read_lock_table"]

# Printable ASCII without quote and backslash: what TOML lets stand in a basic string as it is.
_TEXT = r'"[ !#-\[\]-~]*"'
_FILE = (
    rf"\{{ url = (?P<url>{_TEXT}), hash = (?P<hash>{_TEXT})"
    rf"(?:, size = (?:0|[1-9][0-9]{{0,17}}))?(?:, upload-time = {_TEXT})? \}}"
)
_EDGE = (
    rf"    \{{ name = (?P<name>{_TEXT})(?:, version = (?P<version>{_TEXT}))?"
    rf"(?:, source = \{{ (?P<kind>registry|git|url|path|directory|editable|virtual) = (?P<value>{_TEXT}) \}})?"
    rf"(?:, extra = \[(?P<extra>{_TEXT}(?:, {_TEXT})*)\])?(?:, marker = (?P<marker>{_TEXT}))? \}},\n"
)
_FILE_ENTRY, _EDGE_LINE = re.compile(_FILE), re.compile(_EDGE)


def _unnamed(pattern: str) -> str:
    return re.sub(r"\?P<\w+>", "?:", pattern)


_WHEELS = rf"wheels = \[\n(?:    {_unnamed(_FILE)},\n)+\]\n"
_EDGES = rf"dependencies = \[\n(?:{_unnamed(_EDGE)})+\]\n"
_MARKERS = rf"resolution-markers = \[\n(?:    {_TEXT},\n)+\]\n"
_ARRAY = re.compile(rf"^(?:{_WHEELS}|{_EDGES}|{_MARKERS})", re.MULTILINE)
_BLOCK = re.compile(
    rf"^\[\[package\]\]\nname = (?P<name>{_TEXT})\nversion = (?P<version>{_TEXT})\n"
    rf"source = \{{ registry = (?P<registry>{_TEXT}) \}}\n(?:{_MARKERS})?(?P<edges>{_EDGES})?"
    rf"(?:sdist = (?P<sdist>{_unnamed(_FILE)})\n)?(?P<wheels>{_WHEELS})?(?=\n\[\[package\]\]\n|\Z)",
    re.MULTILINE,
)
_PACKAGE = "\n[[package]]\n"
_REMAKE = "uv lock"


class WheelText(str):
    """The text of one `wheels = [...]` array, or of an `sdist`, that was cut out."""

    __slots__ = ()

    def tables(self) -> list[dict[str, str]]:
        """Return its tables, as the TOML parser would, without size and upload time."""
        return [{"url": match["url"][1:-1], "hash": match["hash"][1:-1]} for match in _FILE_ENTRY.finditer(self)]


class EdgeText(str):
    """The text of one `dependencies = [...]` array that was cut out."""

    __slots__ = ()

    def edges(self) -> tuple[UvEdge, ...]:
        """Return its tables as edges."""
        return tuple(_edge(*match.groups()) for match in _EDGE_LINE.finditer(self))


def _edge(
    name: str, version: str | None, kind: str | None, value: str | None, extras: str | None, marker: str | None
) -> UvEdge:
    return UvEdge(
        name[1:-1],
        version and version[1:-1],
        UvSource(kind, value[1:-1]) if kind and value else None,
        marker and marker[1:-1],
        tuple(extras[1:-1].split('", "')) if extras else (),
    )


class MarkerText(str):
    """The text of one `resolution-markers = [...]` array that was cut out: nothing here asks for it."""

    __slots__ = ()


class PackageText(NamedTuple):
    """One whole package of an index that was cut out."""

    name: str
    version: str
    registry: str
    edges: EdgeText | None
    sdist: WheelText | None
    wheels: WheelText | None


_Array = Union[WheelText, EdgeText, MarkerText]  # noqa: UP007
_ARRAYS: Mapping[str, type[_Array]] = {
    "resolution-markers": MarkerText,
    "dependencies": EdgeText,
    "wheels": WheelText,
}


def lock_error(source: Source, what: str, why: str, *, line: int | None = None, key: str | None = None) -> LockError:
    """Make the error for a lock that cannot be read."""
    return _lock_error(source, _REMAKE, what, why, line=line, key=key)


def read_lock_table(source: Source) -> tuple[Mapping[str, Any], tuple[int | None, ...]]:
    """Return the table and the line of each `[[package]]`; raise LockError when the text is no TOML.

    A package may be a `PackageText` instead of a table, and an array in a table the text that it is.
    """
    text = source.text.replace("\r\n", "\n") if "\r" in source.text else source.text
    table = _read_with_cuts(text)
    if table is None:
        table = parse_toml(source, _REMAKE)
    packages = table.get("package")
    count = len(packages) if isinstance(packages, list) else 0
    lines = _package_lines(text)
    if len(lines) != count:
        lines = find_array_lines(text, "package")
    return table, lines if len(lines) == count else (None,) * count


def _package_lines(text: str) -> tuple[int, ...]:
    """Return the lines of the headers that stand as uv writes them; counting in between is all the work."""
    lines: list[int] = []
    line, start = 1, 0
    at = text.find(_PACKAGE)
    while at >= 0:
        line += text.count("\n", start, at + 1)
        start = at + 1
        lines.append(line)
        at = text.find(_PACKAGE, start)
    return tuple(lines)


def _read_with_cuts(text: str) -> Mapping[str, Any] | None:
    """Return the table with the canonical parts as they stand in the text, or None when that is not safe."""
    blocks: list[PackageText] = []
    arrays: list[_Array] = []

    def cut_block(match: re.Match[str]) -> str:
        name, version, registry, edges, sdist, wheels = match.groups()
        blocks.append(
            PackageText(
                name[1:-1],
                version[1:-1],
                registry[1:-1],
                EdgeText(edges) if edges else None,
                WheelText(sdist) if sdist else None,
                WheelText(wheels) if wheels else None,
            )
        )
        return f"[[package]]\ncut = {len(blocks) - 1}\n"

    def cut_array(match: re.Match[str]) -> str:
        array = match[0]
        key = array[: array.index(" ")]
        arrays.append(_ARRAYS[key](array))
        return f"{key} = [{len(arrays) - 1}]\n"

    head, separator, body = text.partition(_PACKAGE)
    body = _BLOCK.sub(cut_block, separator[1:] + body)
    rest = head + separator[:1] + _ARRAY.sub(cut_array, body)
    if '"""' in rest or "'''" in rest:  # what was cut out may have stood in a text of several lines
        return None
    try:
        table = tomli.loads(rest)
    except (ValueError, RecursionError):
        return None
    packages = table.get("package")
    if not isinstance(packages, list):
        return None if arrays or blocks else table
    return table if _put_back(packages, blocks, arrays) else None


def _put_back(packages: list[Any], blocks: list[PackageText], arrays: list[_Array]) -> bool:
    """Replace each placeholder by its text; tell whether every one stood where it belongs, and nothing else did.

    What was cut out comes back in the order of the text; any other number stood in the lock itself.
    """
    block = found = 0
    for index, package in enumerate(packages):
        if not isinstance(package, dict):
            continue
        if "cut" in package:
            if package != {"cut": block} or block == len(blocks):
                return False
            packages[index] = blocks[block]
            block += 1
            continue
        for key, kind in _ARRAYS.items():
            value = package.get(key)
            if isinstance(value, list) and value and type(value[0]) is int:
                if value != [found] or found == len(arrays) or type(arrays[found]) is not kind:
                    return False
                package[key] = arrays[found]
                found += 1
    return block == len(blocks) and found == len(arrays)
