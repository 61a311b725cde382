"""From a key path, or the nth `[[table]]`, to the line that holds it in a TOML text."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["find_array_lines", "find_definition", "find_line", "find_list_end"]

_STRING = r"""\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
_TOKEN = re.compile(rf"{_STRING}|#[^\n]*|[\[\]{{}}\n=]|[^\[\]{{}}\n=#\"']+|.", re.DOTALL)
_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_DOTTED})[ \t]*\]\]?[ \t]*(?:#.*)?\r?$")
_PAIR = re.compile(rf"[ \t]*({_DOTTED})[ \t]*=")
_PART = re.compile(_KEY)
_ESCAPE = re.compile(r"\\(?:([btnfre\"\\])|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b", '"': '"', "\\": "\\"}


def _split(dotted: str) -> tuple[str, ...]:
    return tuple(_plain(part) for part in _PART.findall(dotted))


def _plain(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    return _ESCAPE.sub(_unescape, key[1:-1]) if key[0] == '"' else key


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return _ESCAPED[match[1]]
    number = int(match[2] or match[3] or match[4], 16)
    return chr(number) if number <= 0x10FFFF else match[0]  # noqa: PLR2004


def _statements(text: str) -> list[tuple[int, int]]:
    """Return number and offset of the lines that no value of an earlier line reaches into."""
    found = [(1, 0)]
    number, depth, is_value = 1, 0, False
    for match in _TOKEN.finditer(text):
        part = match[0]
        if part == "\n" and depth == 0:
            found.append((number + 1, match.end()))
            is_value = False
        elif part == "=":
            is_value = True
        elif is_value and part in "[{":
            depth += 1
        elif is_value and part in "]}":
            depth = max(0, depth - 1)
        number += part.count("\n")
    return found


def _line_at(text: str, start: int) -> str:
    end = text.find("\n", start)
    return text[start:] if end < 0 else text[start:end]


@lru_cache(maxsize=8)
def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Map every key path to its line; a path inside `[[x]]` carries the index of the table."""
    found: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    prefix: tuple[str, ...] = ()
    for number, start in _statements(text):
        line = _line_at(text, start)
        if header := _HEADER.match(line):
            path = _split(header[2])
            if header[1] == "[[":
                path = _indexed(path[:-1], counts) + path[-1:]
                counts[path] = counts.get(path, -1) + 1
                path = (*path, str(counts[path]))
            else:
                path = _indexed(path, counts)
            prefix = path
            for length in range(2, len(path)):  # `[tool.x.y]` is where `tool.x` stands, too; not `tool`
                found.setdefault(path[:length], number)
            found.setdefault(path, number)
        elif pair := _PAIR.match(line):
            found.setdefault(prefix + _split(pair[1]), number)
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
    r"""Return the line of the key, else of its nearest parent that stands in the text, else None.

    An index into an array of tables is a part of its own: `find_line(text, "tool", "cudapin", "allow", "0", "code")`.

    >>> find_line('[project]\nname = "demo"\n', "project", "name")
    2
    """
    lines = _lines(text)
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None


def find_definition(text: str, *path: str) -> int | None:
    r"""Return the offset of the table's own header, or of the key's own line; None where it has none.

    >>> find_definition('[tool.uv.pip]\n[tool]\nuv.a = 1\n', "tool", "uv")
    """
    prefix: tuple[str, ...] | None = ()
    for _, start in _statements(text):
        line = _line_at(text, start)
        if header := _HEADER.match(line):
            prefix = _split(header[2]) if header[1] == "[" else None
            if prefix == path:
                return start
        elif prefix is not None and (pair := _PAIR.match(line)) and prefix + _split(pair[1]) == path:
            return start
    return None


def find_list_end(text: str, start: int) -> tuple[int, int] | None:
    r"""Return the offsets after the last value or comma of the list in a key's line, and of its closing bracket.

    None where the value at `start` (of the line) is no list.

    >>> find_list_end('a = [1, 2 ] # b', 0)
    (9, 10)
    """
    pair = _PAIR.match(text, start)
    depth, last = 0, 0
    for match in _TOKEN.finditer(text, pair.end() if pair else len(text)):
        part = match[0]
        if not part.strip() or part.startswith("#"):
            continue
        if depth == 0 and part.strip() != "[":
            return None
        if part in "[{":
            depth += 1
        elif part in "]}":
            depth -= 1
            if depth == 0:
                return last, match.start()
        last = match.start() + len(part.rstrip())
    return None


def find_array_lines(text: str, name: str) -> tuple[int, ...]:
    """Return the lines of the `[[name]]` headers, in order: the nth is where the nth table starts."""
    header = f"[[{name}]]"
    return tuple(number for number, line in enumerate(text.split("\n"), 1) if line.rstrip() == header)
