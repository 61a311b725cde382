"""Bounds-checked reads of a seekable binary stream. Nothing here knows a format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

if TYPE_CHECKING:
    import struct
    from collections.abc import Iterable, Iterator

__all__ = ["Part", "Span", "Unjudged", "Unreadable", "Window", "merge_spans", "subtract_spans"]

Part = Literal["file", "libraries", "code", "symbols"]
"""What can fail alone: all of the file, the libraries it names, its device code, its symbols."""

_CHUNK = 1 << 20
_FIRST_STEP = 1 << 8
_LONGEST_NAME = 4096


class Unreadable(Exception):
    """A structure that lies outside its file or contradicts itself; the text says which, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """One part of a binary that could not be judged, or not wholly, and why."""

    part: Part
    why: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """Bytes of a file, from `start` up to `end`; `place` says what they are."""

    start: int
    end: int
    place: str = ""


class Window:
    """A stream that never gives bytes from outside itself: asking for them raises Unreadable.

    The stream must be seekable and cheap to seek in: a file, an mmap, bytes in memory. A member of a zip archive is
    none: it inflates everything again for each step back.
    """

    __slots__ = ("_stream", "size")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.seek(0, 2)
        self.size = stream.tell()

    def read(self, offset: int, count: int, what: str) -> bytes:
        """Return exactly `count` bytes; `what` names them in the error."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise Unreadable(f"{what}: {count} bytes at {offset} are outside the file of {self.size} bytes")
        self._stream.seek(offset)
        found = self._stream.read(count)
        if len(found) != count:
            raise Unreadable(f"{what}: {count} bytes at {offset} are cut short")
        return found

    def unpack(self, layout: struct.Struct, offset: int, what: str) -> tuple[int, ...]:
        """Return the numbers of one record."""
        return layout.unpack(self.read(offset, layout.size, what))

    def name(self, offset: int, end: int, what: str) -> str:
        """Return the text up to the first NUL, which must come before `end`."""
        end = min(end, self.size, offset + _LONGEST_NAME)
        raw, nul, _ = self.read(offset, max(0, end - offset), what).partition(b"\0")
        if not nul:
            raise Unreadable(f"{what}: the text at {offset} does not end")
        return raw.decode("utf-8", "backslashreplace")

    def chunks(self, start: int, end: int, overlap: int = 0, step: int = _FIRST_STEP) -> Iterator[tuple[int, bytes]]:
        """Give the bytes from `start` to `end` in pieces, each with its offset and the last `overlap` bytes before it.

        The pieces grow, so that a short look costs little. What lies outside the file is left out.
        """
        position, end = start, min(end, self.size)
        while position < end:
            begin = max(start, position - overlap)
            piece = self.read(begin, min(step + overlap, end - begin), "a piece of the file")
            yield begin, piece
            position = begin + len(piece)
            step = min(step * 4, _CHUNK)

    def find(self, pattern: bytes, start: int, end: int) -> int | None:
        """Return the offset of the first `pattern` that lies between `start` and `end`."""
        for offset, piece in self.chunks(start, end, len(pattern) - 1):
            found = piece.find(pattern)
            if found >= 0:
                return offset + found
        return None

    def is_blank(self, start: int, end: int) -> bool:
        """Return whether all bytes from `start` to `end` are zero."""
        return all(not piece.strip(b"\0") for _, piece in self.chunks(start, end))


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sort spans and take from each what one before it covers: no byte is in two of them."""
    found: list[Span] = []
    reached = 0
    for span in sorted(spans):
        start = max(span.start, reached)
        if start < span.end:
            reached = span.end
            found.append(Span(start=start, end=span.end, place=span.place))
    return tuple(found)


def subtract_spans(spans: tuple[Span, ...], holes: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return what is left of spans without the holes; both are sorted and disjoint."""
    found: list[Span] = []
    first = 0
    for span in spans:
        start = span.start
        while first < len(holes) and holes[first].end <= start:
            first += 1
        number = first
        while number < len(holes) and holes[number].start < span.end:
            if start < holes[number].start:
                found.append(Span(start=start, end=holes[number].start, place=span.place))
            start = max(start, holes[number].end)
            number += 1
        if start < span.end:
            found.append(Span(start=start, end=span.end, place=span.place))
    return tuple(found)
