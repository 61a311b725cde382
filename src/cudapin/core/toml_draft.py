"""Additions to a TOML text that leave every other character of it alone.

Only insertions are made, and what they come to is compared with what was meant, by a parser: where a file is written
in a form that this does not understand, it says so and changes nothing.
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import tomli

from cudapin.core.locate import find_definition, find_list_end

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Draft", "Unwritable"]


class Unwritable(Exception):
    """The text has a form in which nothing can be added at this place; the argument is the key."""


class Draft:
    """A TOML text with additions; `text` is made of them, `wanted` is the table that it must come to."""

    def __init__(self, text: str) -> None:
        """Take a TOML text, with whatever line ends it has. Raises Unwritable where it is none."""
        self._old = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._insertions: list[tuple[int, str]] = []
        self._tail: list[str] = []
        self.wanted: dict[str, Any] = _loaded(text)

    def add_table(self, *path: str, values: Mapping[str, Any] | None = None) -> None:
        """Add a table at the end of the file."""
        table = self._meant(*path)
        table.update(copy.deepcopy(dict(values or {})))
        lines = [f"[{'.'.join(map(_key, path))}]", *_lines(values or {})]
        self._tail.append("\n".join(lines))

    def add_keys(self, *path: str, values: Mapping[str, Any]) -> None:
        """Add keys to a table: right below its header if it has one, else in a table at the end of the file."""
        start = find_definition(self._old, *path)
        if start is None:
            self.add_table(*path, values=values)
            return
        self._meant(*path).update(copy.deepcopy(dict(values)))
        end = self._old.find("\n", start)
        lines = "\n".join(_lines(values))
        self._insertions.append((len(self._old), f"\n{lines}") if end < 0 else (end + 1, f"{lines}\n"))

    def extend_list(self, *path: str, values: Sequence[Any]) -> None:
        """Add values at the end of a list, in the way that it is laid out. Raises Unwritable where it stands oddly."""
        start = find_definition(self._old, *path)
        ends = None if start is None else find_list_end(self._old, start)
        if start is None or ends is None:
            raise Unwritable(".".join(path))
        self._meant(*path[:-1])[path[-1]].extend(copy.deepcopy(list(values)))
        last, close = ends
        texts = [_value(value) for value in values]
        comma = self._old[last - 1]
        line = self._old.rfind("\n", 0, close) + 1
        if self._old[line:close].strip() or comma == "[":
            lead = {"[": "", ",": " "}.get(comma, ", ")
            self._insertions.append((last, lead + ", ".join(texts)))
            return
        row = self._old.rfind("\n", 0, last) + 1
        indent = self._old[row : len(self._old) - len(self._old[row:].lstrip(" \t"))]
        if comma != ",":
            self._insertions.append((last, ","))
        between = f",\n{indent}".join(texts)
        self._insertions.append((line, f"{indent}{between}{',' if comma == ',' else ''}\n"))

    def _meant(self, *path: str) -> dict[str, Any]:
        table: Any = self.wanted
        for key in path:
            table = table.setdefault(key, {}) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            raise Unwritable(".".join(path))
        return table

    @property
    def is_changed(self) -> bool:
        """Whether anything was added."""
        return bool(self._insertions or self._tail)

    @property
    def text(self) -> str:
        """The text with all additions. Raises Unwritable where it does not come to what was meant."""
        parts, position = [], 0
        for offset, added in sorted(self._insertions, key=lambda item: item[0]):
            parts += [self._old[position:offset], added.replace("\n", self._newline)]
            position = offset
        parts.append(self._old[position:])
        text = "".join(parts)
        if self._tail:
            if text and not text.endswith("\n"):
                text += self._newline
            text += (("\n" if text else "") + self._tables() + "\n").replace("\n", self._newline)
        if _loaded(text) != self.wanted:
            raise Unwritable("the result means something else")
        return text

    def _tables(self) -> str:
        """Return the tables for the end of the file: empty ones without a blank line between them."""
        text = self._tail[0]
        for before, table in zip(self._tail, self._tail[1:], strict=False):
            text += ("\n\n" if "\n" in before + table else "\n") + table
        return text


def _loaded(text: str) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise Unwritable(str(error)) from error


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_value(value)}" for key, value in values.items()]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:  # noqa: ANN401
    """Write a text, a list or a table of texts in one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(_lines(value))} }}"
    return json.dumps(value, ensure_ascii=False)
