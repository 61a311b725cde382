"""From a key path, or the nth `[[table]]`, to the line that holds it in a TOML text."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["find_array_lines", "find_line"]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?[ \t]*(?:#.*)?$")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_PART = re.compile(_KEY)
_MULTILINE = re.compile(r'"""|\'\'\'')


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


@lru_cache(maxsize=8)
def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Map every key path to its line; a path inside `[[x]]` carries the index of the table."""
    found: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    prefix: tuple[str, ...] = ()
    closing: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if closing is not None:
            if closing in line:
                closing = None
            continue
        if header := _HEADER.match(line):
            path = _split(header[2])
            path = _indexed(path[:-1], counts) + path[-1:]
            if header[1] == "[[":
                counts[path] = counts.get(path, -1) + 1
                path = (*path, str(counts[path]))
            else:
                path = _indexed(path, counts)
            prefix = path
            found.setdefault(path, number)
        elif pair := _PAIR.match(line):
            found.setdefault(prefix + _split(pair[1]), number)
        quotes = _MULTILINE.findall(line)
        if len(quotes) % 2:
            closing = quotes[-1]
    return found


def _indexed(path: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """Insert the running index after each part of `path` that is an array of tables."""
    result: tuple[str, ...] = ()
    for part in path:
        result = (*result, part)
        if result in counts:
            result = (*result, str(counts[result]))
    return result


def find_line(text: str, *path: str) -> int | None:
    """Return the line of the key, else of its nearest parent that stands in the text, else None.

    An index into an array of tables is a part of its own: `find_line(text, "tool", "cudapin", "allow", "0", "code")`.

    >>> find_line('[project]\\nname = "demo"\\n', "project", "name")
    2
    """
    lines = _lines(text)
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def find_array_lines(text: str, name: str) -> tuple[int, ...]:
    """Return the lines of the `[[name]]` headers, in order: the nth is where the nth table starts."""
    header = f"[[{name}]]"
    return tuple(number for number, line in enumerate(text.split("\n"), 1) if line.rstrip() == header)
