"""Typed getters over a TOML table that know their key path and collect every fault instead of stopping at one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from cudapin.core.locate import find_line
from cudapin.errors import Code, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cudapin.core.lock import Source

__all__ = ["Fields", "name_list", "nearest"]

D = TypeVar("D")
T = TypeVar("T")
_FEW = 8


def name_list(names: Iterable[str]) -> str:
    """Return the names in backticks, separated by commas, or `none`."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def nearest(wrong: str, names: Iterable[str]) -> str:
    """Return advice on a wrong name: the nearest right one, and all of them if there are few.

    >>> nearest("cu12", ["cpu", "cu126"])
    'use `cu126`; the names are `cpu`, `cu126`'
    """
    import difflib

    known = list(names)
    close = difflib.get_close_matches(wrong, known, n=1)
    parts = [f"use `{close[0]}`"] if close else []
    if len(known) <= _FEW:
        parts.append(f"the names are {name_list(known)}")
    return "; ".join(parts) or "remove it"


class Fields:
    """One table of `pyproject.toml`. Faults are added to `problems`; a faulty value reads as its default."""

    def __init__(self, table: object, source: Source, path: tuple[str, ...], problems: list[Problem]) -> None:
        """Wrap `table`, which stands at key `path` of `source`."""
        self.source = source
        self.path = path
        self.problems = problems
        self.table: Mapping[str, Any] = {}
        if isinstance(table, dict):
            self.table = table
        else:
            self._wrong((), table, "a table")

    def where(self, *keys: str) -> Where:
        """Return the place of a key of this table."""
        path = (*self.path, *keys)
        return Where(path=self.source.path, line=find_line(self.source.text, *path), key=".".join(path))

    def fault(self, code: Code, *keys: str, what: str, why: str, fix: str) -> None:
        """Record a problem at a key of this table."""
        self.problems.append(Problem(code=code, what=what, where=self.where(*keys), why=why, fix=fix))

    def _wrong(self, keys: tuple[str, ...], value: object, wanted: str) -> None:
        key = ".".join((*self.path, *keys))
        self.fault(
            Code.CP103,
            *keys,
            what=f"`{key}` is not {wanted}",
            why=f"wanted {wanted}, found `{value!r}`",
            fix=f"make `{key}` {wanted}",
        )

    def only(self, allowed: Iterable[str]) -> None:
        """Record each key that is not allowed, with the nearest one that is."""
        names = list(allowed)
        for key in self.table:
            if key not in names:
                place = ".".join(self.path)
                self.fault(
                    Code.CP102,
                    key,
                    what=f"`{place}` has no key `{key}`",
                    why=f"the keys of `{place}` are {name_list(names)}",
                    fix=nearest(key, names).split(";", maxsplit=1)[0],
                )

    def get(self, key: str, wanted: str, convert: Callable[[object], T | None], default: D) -> T | D:
        """Return `convert(value)`; where that is None, record that it is not `wanted` and return the default."""
        if key not in self.table:
            return default
        value = convert(self.table[key])
        if value is None:
            self._wrong((key,), self.table[key], wanted)
            return default
        return value

    def text(self, key: str) -> str | None:
        """Return a string that is not empty, or None where the key is absent."""
        found = self.get(key, "a string", lambda value: value if isinstance(value, str) and value else None, "")
        return found or None

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of strings, or a single string as a list of one; None where the key is absent."""
        if key not in self.table:
            return None

        def convert(value: object) -> tuple[str, ...] | None:
            items = [value] if isinstance(value, str) else value
            if isinstance(items, list) and all(isinstance(item, str) and item for item in items):
                return tuple(items)
            return None

        return self.get(key, "a string or a list of strings", convert, ())

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        """Return one of the choices, or None where the key is absent."""
        wanted = f"one of {name_list(choices)}"
        found = self.get(key, wanted, lambda value: str(value) if value in choices else None, "")
        return found or None

    def flag(self, key: str) -> bool:
        """Return a boolean; False where the key is absent."""
        return self.get(key, "`true` or `false`", lambda value: value if isinstance(value, bool) else None, False)

    def child(self, key: str) -> Fields:
        """Return the table at a key; an empty one where it is absent."""
        return Fields(self.table.get(key, {}), self.source, (*self.path, key), self.problems)

    def children(self, key: str) -> list[Fields]:
        """Return the tables of an array of tables."""
        tables: list[object] = self.get(
            key, "an array of tables", lambda value: value if isinstance(value, list) else None, list[object]()
        )
        return [
            Fields(table, self.source, (*self.path, key, str(index)), self.problems)
            for index, table in enumerate(tables)
        ]
