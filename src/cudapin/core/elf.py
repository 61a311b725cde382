"""What an ELF file needs, is called and carries, from the segments that the loader itself reads."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cudapin.core.binary_format import ELF_MAGIC
from cudapin.core.symbols import Symbols
from cudapin.core.window import Part, Span, Unjudged, Unreadable, Window, merge_spans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Elf", "parse_elf"]


_FATBIN_SECTIONS = (b".nv_fatbin", b"__nv_relfatbin")
_LONGEST_SECTION_NAME = max(map(len, _FATBIN_SECTIONS)) + 1
_MACHINES = {3: "x86", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 190: "cuda", 243: "riscv"}
_PT_LOAD, _PT_DYNAMIC = 1, 2
_SHT_NOBITS, _SHF_ALLOC, _SHF_CODE, _SHN_EXTENDED = 8, 2, 4, 0xFFFF
_NEEDED, _HASH, _STRTAB, _SYMTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 4, 5, 6, 10, 14, 15, 29
_GNU_HASH = 0x6FFFFEF5
_TAGS = {_NEEDED: "DT_NEEDED", _SONAME: "DT_SONAME", _RPATH: "DT_RPATH", _RUNPATH: "DT_RUNPATH"}

_MOST_SECTIONS = 1 << 17
_MOST_TAGS = 1 << 14

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The records of one class and byte order."""

    is_64: bool
    header: struct.Struct
    segment: struct.Struct
    section: struct.Struct
    tag: struct.Struct
    symbol: struct.Struct
    word: struct.Struct


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """The numbers of the ELF header that are used."""

    machine: int
    segments_at: int
    sections_at: int
    segment_size: int
    segment_count: int
    section_size: int
    section_count: int
    names_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """One program header: bytes of the file, and where they go."""

    kind: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dynamic:
    needed: tuple[str, ...] = ()
    soname: str | None = None
    runpath: tuple[str, ...] = ()
    symbols: Symbols | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """An ELF file as far as it could be read; `unjudged` tells the rest. `machine` is `x86_64`, `aarch64`, `cuda`, …

    `fatbins` are its sections of device code, None where there are no section headers that would tell; `data` is
    all that reaches memory, code of the host left out where sections tell it. `runpath` is DT_RPATH's where there
    is no DT_RUNPATH, as for the loader.
    """

    machine: str
    needed: tuple[str, ...]
    soname: str | None
    runpath: tuple[str, ...]
    fatbins: tuple[Span, ...] | None
    data: tuple[Span, ...]
    symbols: Symbols | None
    unjudged: tuple[Unjudged, ...]


def parse_elf(window: Window) -> Elf:
    """Read the headers and the dynamic segment; raise Unreadable where not even the ELF header can be read."""
    layout, header = _header(window)
    unjudged: list[Unjudged] = []
    nothing: tuple[_Segment, ...] = ()
    segments = _attempt("libraries", lambda: _segments(window, layout, header), nothing, unjudged)
    dynamic = _attempt("libraries", lambda: _dynamic(window, layout, segments), _Dynamic(), unjudged)
    ignored: list[Unjudged] = []  # loaders read no section headers: without them all that is loaded is searched
    sections = _attempt("code", lambda: _sections(window, layout, header), None, ignored)
    if sections is None and not segments:
        unjudged += [Unjudged(part="code", why=one.why) for one in unjudged]  # nothing tells what is loaded
    loaded = [Span(start=one.offset, end=one.offset + one.size) for one in segments if one.kind == _PT_LOAD]
    unjudged += [
        Unjudged(part="code", why=f"the bytes from {one.start} to {one.end} end outside the file")
        for one in (*loaded, *(sections or ()))
        if one.end > window.size
    ][:1]
    return Elf(
        machine=_MACHINES.get(header.machine, f"machine {header.machine}"),
        needed=dynamic.needed,
        soname=dynamic.soname,
        runpath=dynamic.runpath,
        fatbins=None if sections is None else merge_spans(one for one in sections if one.place),
        data=merge_spans(loaded if sections is None else sections),
        symbols=dynamic.symbols,
        unjudged=tuple(unjudged),
    )


def _attempt(part: Part, read: Callable[[], T], otherwise: T, unjudged: list[Unjudged]) -> T:
    try:
        return read()
    except Unreadable as fault:
        unjudged.append(Unjudged(part=part, why=str(fault)))
        return otherwise


def _layout(order: str, *, is_64: bool) -> _Layout:
    header, segment, section, tag, symbol = (
        ("16xHHIQQQIHHHHHH", "IIQQQQQQ", "IIQQQQIIQQ", "qQ", "IBBHQQ")
        if is_64
        else ("16xHHIIIIIHHHHHH", "IIIIIIII", "IIIIIIIIII", "iI", "IIIBBH")
    )
    return _Layout(
        is_64=is_64,
        header=struct.Struct(order + header),
        segment=struct.Struct(order + segment),
        section=struct.Struct(order + section),
        tag=struct.Struct(order + tag),
        symbol=struct.Struct(order + symbol),
        word=struct.Struct(order + "I"),
    )


def _header(window: Window) -> tuple[_Layout, _Header]:
    what = "the ELF header"
    ident = window.read(0, 16, what)
    if ident[:4] != ELF_MAGIC or ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise Unreadable("the ELF header has a class or byte order that does not exist")
    layout = _layout("<>"[ident[5] - 1], is_64=ident[4] != 1)
    numbers = window.unpack(layout.header, 0, what)
    return layout, _Header(
        machine=numbers[1],
        segments_at=numbers[4],
        sections_at=numbers[5],
        segment_size=numbers[8],
        segment_count=numbers[9],
        section_size=numbers[10],
        section_count=numbers[11],
        names_index=numbers[12],
    )


def _segments(window: Window, layout: _Layout, header: _Header) -> tuple[_Segment, ...]:
    if not header.segment_count:
        return ()
    if header.segment_size != layout.segment.size:
        raise Unreadable(f"program headers of {header.segment_size} bytes are not known")
    table = window.read(header.segments_at, header.segment_size * header.segment_count, "the program headers")
    kind, offset, address, size = (0, 2, 3, 5) if layout.is_64 else (0, 1, 2, 4)
    return tuple(
        _Segment(kind=one[kind], offset=one[offset], address=one[address], size=one[size])
        for one in layout.segment.iter_unpack(table)
    )


def _dynamic(window: Window, layout: _Layout, segments: tuple[_Segment, ...]) -> _Dynamic:
    found = next((one for one in segments if one.kind == _PT_DYNAMIC), None)
    if found is None:
        return _Dynamic()
    tags = _tags(window, layout, found)
    last = dict(tags)
    texts_at = _offset(segments, last.get(_STRTAB), "the dynamic strings")
    if texts_at is None:
        if any(tag in _TAGS for tag, _ in tags):
            raise Unreadable("the dynamic segment has no strings")
        return _Dynamic()
    texts = Span(start=texts_at, end=min(texts_at + last.get(_STRSZ, 0), window.size))
    names: dict[int, list[str]] = {tag: [] for tag in _TAGS}
    budget = 2 * (texts.end - texts.start)
    for tag, value in tags:
        if tag in _TAGS:
            name = window.name(texts.start + value, texts.end, _TAGS[tag])
            budget -= len(name)
            if budget < 0:
                raise Unreadable("the dynamic segment names one text again and again")
            names[tag].append(name)
    runpath = (names[_RUNPATH] or names[_RPATH])[-1:]
    return _Dynamic(
        needed=tuple(names[_NEEDED]),
        soname=names[_SONAME][-1] if names[_SONAME] else None,
        runpath=tuple(part for path in runpath for part in path.split(":") if part),
        symbols=_symbols(layout, segments, last, texts),
    )


def _symbols(layout: _Layout, segments: tuple[_Segment, ...], tags: Mapping[int, int], texts: Span) -> Symbols | None:
    table = _offset(segments, tags.get(_SYMTAB), "the dynamic symbols")
    if table is None:
        return None
    return Symbols(
        is_64=layout.is_64,
        symbol=layout.symbol,
        word=layout.word,
        table=table,
        texts=texts,
        hash_table=_offset(segments, tags.get(_HASH), "the hash table"),
        gnu_hash_table=_offset(segments, tags.get(_GNU_HASH), "the hash table"),
    )


def _tags(window: Window, layout: _Layout, segment: _Segment) -> list[tuple[int, int]]:
    """Return the tags of the dynamic segment with their values, up to DT_NULL."""
    tags: list[tuple[int, int]] = []
    count = min(segment.size // layout.tag.size, _MOST_TAGS)
    table = window.read(segment.offset, count * layout.tag.size, "the dynamic segment")
    for tag, value in layout.tag.iter_unpack(table):
        if tag == 0:
            return tags
        tags.append((tag, value))
    raise Unreadable("the dynamic segment does not end")


def _offset(segments: tuple[_Segment, ...], address: int | None, what: str) -> int | None:
    """Return where in the file an address is loaded from."""
    if address is None:
        return None
    for one in segments:
        if one.kind == _PT_LOAD and one.address <= address < one.address + one.size:
            return one.offset + address - one.address
    raise Unreadable(f"{what} at address {address:#x} are in no segment")


def _sections(window: Window, layout: _Layout, header: _Header) -> tuple[Span, ...] | None:
    """Return the sections of data that reach memory; those of device code with their name as `place`."""
    what = "the section headers"
    if not header.sections_at:
        return None
    if header.section_size != layout.section.size:
        raise Unreadable(f"section headers of {header.section_size} bytes are not known")
    first = window.unpack(layout.section, header.sections_at, what)
    count = header.section_count or first[5]
    names_index = first[6] if header.names_index == _SHN_EXTENDED else header.names_index
    if not names_index < count <= _MOST_SECTIONS:
        raise Unreadable(f"{count} section headers, of which number {names_index} has the names")
    table = window.read(header.sections_at, count * layout.section.size, what)
    rows = list(layout.section.iter_unpack(table))
    names_at, names_size = rows[names_index][4:6]
    found = []
    for name, kind, flags, _, offset, size, *_ in rows:
        if kind == _SHT_NOBITS or flags & (_SHF_ALLOC | _SHF_CODE) != _SHF_ALLOC or not size:
            continue
        length = min(_LONGEST_SECTION_NAME, names_size - name)
        text = window.read(names_at + name, max(0, length), "the name of a section").partition(b"\0")[0]
        found.append(
            Span(start=offset, end=offset + size, place=text.decode("ascii") if text in _FATBIN_SECTIONS else "")
        )
    return tuple(found) or None
