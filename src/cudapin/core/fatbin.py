"""Which device code a fatbin carries: kinds and architectures, from headers that are never compressed.

A container is a header of 16 bytes and entries without a terminator; an entry is a header and a payload, which is
skipped. Toolkits from 13.5 on can put several entries into one (`nvcc --concat`), compressed together: their headers
then stand in the header of the whole, still uncompressed. All numbers are little-endian, on every host.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from cudapin.core.binary_format import CONTAINER_MAGIC
from cudapin.core.window import Span, Unreadable, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CodeKind", "DeviceCode", "FatbinReader"]

CodeKind = Literal["cubin", "ptx", "lto", "tile"]

_KINDS: dict[int, CodeKind] = {1: "ptx", 2: "cubin", 4: "cubin", 8: "lto", 64: "ptx", 128: "tile"}
_INDEX, _CONCATENATED = 32, 256
_PREFIX = {"cubin": "sm_", "ptx": "compute_", "lto": "lto_", "tile": "tile_"}
_CONTAINER = struct.Struct("<IHHQ")
_PAIR = struct.Struct("<II")
_ENTRY = struct.Struct("<HHIQIIHHIIIQQQ")
_ENTRY_VERSION = 0x0101
_ARCHITECTURE_SPECIFIC, _FAMILY_SPECIFIC = 0x100000, 0x200000
_ARCHITECTURES = range(10, 1000)

_SCAN_STEP = 1 << 16
_MOST_ENTRIES = 1_000_000
_MOST_CODES = 10_000
_MOST_FAULTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """Device code of one kind for one architecture; `place` says which bytes of the file hold it.

    `version` is the ISA of PTX (`9.0` is what CUDA 13.0 writes), for other kinds a version of the format.
    """

    kind: CodeKind
    arch: str
    """Without a prefix: `90`, `90a`, `100f`."""
    version: tuple[int, int]
    place: str

    def __str__(self) -> str:
        """Return the name that nvcc has for it: `sm_90a`, `compute_90`, `lto_90`."""
        return _PREFIX[self.kind] + self.arch


class _Header(NamedTuple):
    """The header of one entry. In a concatenated one `length` is an offset into what is compressed."""

    kind: int
    version: int
    length: int
    payload: int
    compressed: int
    options: int
    minor: int
    major: int
    arch: int
    name: int
    name_length: int
    flags: int
    reserved: int
    decompressed: int


class _Full(Exception):
    """So many entries that nobody's compiler made them."""


class FatbinReader:
    """Collects the device code of one file, and what of it could not be judged."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._entries = 0
        self._faults: list[str] = []
        self._codes: Counter[tuple[CodeKind, int, int, int, int, str]] = Counter()

    @property
    def codes(self) -> dict[DeviceCode, int]:
        """Each device code with the number of its entries."""
        found: Counter[DeviceCode] = Counter()
        for (kind, arch, flags, major, minor, place), number in self._codes.items():
            suffix = "a" if flags & _ARCHITECTURE_SPECIFIC else "f" if flags & _FAMILY_SPECIFIC else ""
            found[DeviceCode(kind=kind, arch=f"{arch}{suffix}", version=(major, minor), place=place)] += number
        return dict(found)

    @property
    def faults(self) -> tuple[str, ...]:
        """What could not be judged, each once; the last one stands for more where there are many."""
        return tuple(dict.fromkeys(self._faults))

    def read_spans(self, spans: Iterable[Span]) -> None:
        """Read sections that hold nothing but containers, with zeros between them."""
        try:
            for span in spans:
                within = Span(start=span.start, end=min(span.end, self._window.size), place=span.place)
                position = within.start
                while position < within.end:
                    position = self._read_next(position, within)
                if within.end < span.end:
                    self._fault(f"{span.place}: the section ends outside the file")
        except _Full:
            self._fault(f"more than {_MOST_ENTRIES} entries, or {_MOST_CODES} different ones")

    def scan(self, spans: Iterable[Span], text: bytes) -> bool:
        """Look for containers amid anything else; return whether `text` is there too, seen in the same pass."""
        found = False
        overlap = max(len(CONTAINER_MAGIC), len(text)) - 1
        try:
            for span in spans:
                reached = span.start
                for offset, piece in self._window.chunks(span.start, span.end, overlap, _SCAN_STEP):
                    reached = self._scan_piece(offset, piece, reached, span)
                    found = found or text in piece
        except _Full:
            self._fault(f"more than {_MOST_ENTRIES} entries, or {_MOST_CODES} different ones")
        return found

    def _scan_piece(self, offset: int, piece: bytes, reached: int, span: Span) -> int:
        at = piece.find(CONTAINER_MAGIC, max(0, reached - offset))
        while at >= 0:
            start = offset + at
            reached = self._read_container(start, span) if self._is_container(start, span) else start + 8
            at = piece.find(CONTAINER_MAGIC, reached - offset) if reached - offset < len(piece) else -1
        return reached

    def _is_container(self, start: int, span: Span) -> bool:
        """Return whether a magic amid other bytes begins a container: its first entry must look like one."""
        first = start + _CONTAINER.size
        if first + _ENTRY.size > min(span.end, self._window.size):
            return False
        size = self._window.unpack(_CONTAINER, start, "a container")[3]
        header = self._header(first)
        known = header.kind in _KINDS or header.kind in (_INDEX, _CONCATENATED)
        return known and header.version == _ENTRY_VERSION and _ENTRY.size <= header.length <= size

    def _read_next(self, position: int, span: Span) -> int:
        """Read the container at `position`, or go to the next one; return where to go on."""
        window = self._window
        magic = CONTAINER_MAGIC[:4]
        if span.end - position >= _CONTAINER.size and window.read(position, 4, "a container") == magic:
            return self._read_container(position, span)
        following = window.find(magic, position, span.end)
        reached = span.end if following is None else following
        if reached == position or not window.is_blank(position, reached):
            self._fault(f"{span.place}: the bytes at {position} are no fatbin")
        return max(reached, position + 1)

    def _read_container(self, start: int, span: Span) -> int:
        """Read the entries of one container; return its end."""
        self._count()
        _, version, header_size, size = self._window.unpack(_CONTAINER, start, "a container")
        position, end = start + _CONTAINER.size, start + _CONTAINER.size + size
        if (version, header_size) != (1, _CONTAINER.size):
            self._fault(f"{span.place}: the container at {start} has version {version}, which is not known")
            return position
        if end > span.end:
            self._fault(f"{span.place}: the container at {start} is cut short")
            end = span.end
        try:
            while position < end:
                position = self._read_entry(position, end, span.place)
        except Unreadable as fault:
            self._fault(f"{span.place}: {fault}")
        return end

    def _read_entry(self, position: int, end: int, place: str) -> int:
        """Count one entry; return its end."""
        if position + _ENTRY.size > end:
            if self._window.is_blank(position, end):
                return end
            raise Unreadable(f"the entry at {position} is cut short")
        header = self._header(position)
        if header.version != _ENTRY_VERSION or header.length < _ENTRY.size:
            raise Unreadable(f"the entry at {position} has a header that is not known")
        following = position + header.length + header.payload
        if header.kind == _CONCATENATED:
            if header.length > end - position:
                raise Unreadable(f"the entry at {position} is cut short")
            self._read_concatenated(position, header, place)
        else:
            self._add(header, position, place)
        if following > end:
            raise Unreadable(f"the entry at {position} is cut short")
        return following

    def _read_concatenated(self, start: int, whole: _Header, place: str) -> None:
        """Count the entries that are compressed together: number and size of the list, then header by header."""
        end = start + whole.length
        position = start + whole.options
        if whole.options < _ENTRY.size or position + _PAIR.size > end:
            raise Unreadable(f"the concatenated entry at {start} has no list")
        number, size = self._window.unpack(_PAIR, position, "a list of entries")
        stop = position + size
        position += _PAIR.size
        if stop > end:
            raise Unreadable(f"the list of the concatenated entry at {start} is cut short")
        for _ in range(number):
            if position + _ENTRY.size > stop:
                raise Unreadable(f"the list of the concatenated entry at {start} is cut short")
            header = self._header(position)
            if header.version != _ENTRY_VERSION or header.kind == _CONCATENATED:
                raise Unreadable(f"the entry at {position} has a header that is not known")
            self._add(header, position, place)
            position += self._length(header, position, stop)
        if position != stop:
            raise Unreadable(f"the list of the concatenated entry at {start} does not end where it should")

    def _length(self, header: _Header, position: int, end: int) -> int:
        """Return how long a header is that does not say so: it ends after its last text, in whole 8 bytes."""
        if header.options:
            if header.options < _ENTRY.size or position + header.options + _PAIR.size > end:
                raise Unreadable(f"the options of the entry at {position} are cut short")
            last = sum(self._window.unpack(_PAIR, position + header.options, "options"))
        elif header.name:
            last = header.name + header.name_length
        else:
            return _ENTRY.size
        return max(_ENTRY.size, (last // 8 + 1) * 8)

    def _header(self, position: int) -> _Header:
        return _Header._make(self._window.unpack(_ENTRY, position, "an entry"))

    def _add(self, header: _Header, position: int, place: str) -> None:
        self._count()
        if header.kind == _INDEX:
            return
        kind = _KINDS.get(header.kind)
        if kind is None:
            self._fault(f"{place}: the entry at {position} is of kind {header.kind}, which is not known")
        elif header.arch not in _ARCHITECTURES:
            self._fault(f"{place}: the entry at {position} is for architecture {header.arch}, which does not exist")
        else:
            suffix = header.flags & (_ARCHITECTURE_SPECIFIC | _FAMILY_SPECIFIC)
            self._codes[kind, header.arch, suffix, header.major, header.minor, place] += 1
            if len(self._codes) > _MOST_CODES:
                raise _Full

    def _count(self) -> None:
        self._entries += 1
        if self._entries > _MOST_ENTRIES:
            raise _Full

    def _fault(self, why: str) -> None:
        if len(self._faults) < _MOST_FAULTS:
            self._faults.append(why)
        elif len(self._faults) == _MOST_FAULTS:
            self._faults.append("and more of this kind")
