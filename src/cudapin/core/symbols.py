"""The names that an ELF file leaves to other libraries to define."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cudapin.core.window import Span, Unreadable, Window

if TYPE_CHECKING:
    import struct
    from collections.abc import Iterator

__all__ = ["Symbols", "undefined_symbols"]

_MOST_SYMBOLS = 1 << 22
_MOST_TEXT = 1 << 27
_AT_ONCE = 1 << 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """Where the dynamic symbols are, and how they are written; one of the hash tables tells their number."""

    is_64: bool
    symbol: struct.Struct
    word: struct.Struct
    table: int
    texts: Span
    hash_table: int | None
    gnu_hash_table: int | None


def undefined_symbols(window: Window, symbols: Symbols) -> Iterator[bytes]:
    """Give the names of the dynamic symbols that other libraries must define; raise Unreadable where none can be read.

    The names together may not be much longer than the strings that hold them: nothing makes this slower than linear.
    """
    layout = symbols.symbol
    name_field, section_field = (0, 3) if symbols.is_64 else (0, 5)
    count = _count(window, symbols)
    texts = window.read(symbols.texts.start, symbols.texts.end - symbols.texts.start, "the dynamic strings")
    budget = 2 * len(texts)
    for first in range(0, count, _AT_ONCE):
        number = min(_AT_ONCE, count - first)
        table = window.read(symbols.table + first * layout.size, number * layout.size, "the dynamic symbols")
        for values in layout.iter_unpack(table):
            start = values[name_field]
            if values[section_field] or not start:
                continue
            end = texts.find(b"\0", start, start + budget)
            if end < 0:
                raise Unreadable("the dynamic symbols have names that do not end, or that repeat each other")
            budget -= end - start
            yield texts[start:end]


def _count(window: Window, symbols: Symbols) -> int:
    """Return how many dynamic symbols there are, or at least how many until the last undefined one.

    DT_HASH has the number of all. DT_GNU_HASH has the number of the first one that can be looked up, and undefined
    ones come before it; where nothing can be looked up it tells nothing, and the strings follow the symbols.
    """
    if symbols.hash_table is not None:
        count = window.unpack(symbols.word, symbols.hash_table + symbols.word.size, "the hash table")[0]
    elif symbols.gnu_hash_table is not None and not _is_empty(window, symbols, symbols.gnu_hash_table):
        count = window.unpack(symbols.word, symbols.gnu_hash_table + symbols.word.size, "the hash table")[0]
    else:
        count = (symbols.texts.start - symbols.table) // symbols.symbol.size
    if not 0 <= count <= _MOST_SYMBOLS:
        raise Unreadable(f"the number of dynamic symbols, {count}, is not possible")
    if symbols.texts.end - symbols.texts.start > _MOST_TEXT:
        raise Unreadable(f"the dynamic strings are longer than {_MOST_TEXT} bytes")
    return count


def _is_empty(window: Window, symbols: Symbols, table: int) -> bool:
    """Return whether nothing can be looked up in a DT_GNU_HASH table: none of its buckets is in use."""
    word = symbols.word
    buckets, _, bloom = (window.unpack(word, table + number * word.size, "the hash table")[0] for number in range(3))
    start = table + 4 * word.size + bloom * (8 if symbols.is_64 else 4)
    end = start + buckets * word.size
    if end > window.size:
        raise Unreadable("the hash table ends outside the file")
    return window.is_blank(start, end)
