"""What a Windows library imports, is called and carries in its sections of device code."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cudapin.core.window import Span, Unjudged, Unreadable, Window, merge_spans

__all__ = ["Pe", "parse_pe"]


_FATBIN_SECTIONS = {b".nv_fatb": ".nv_fatbin", b"__nv_rel": "__nv_relfatbin"}
"""Names are cut at 8 bytes."""
_MACHINES = {0x14C: "x86", 0x8664: "x86_64", 0xAA64: "aarch64"}
_COFF = struct.Struct("<4sHHIIIHH")
_SECTION = struct.Struct("<8sIIIIIIHHI")
_WORD = struct.Struct("<I")
_DIRECTORY = struct.Struct("<II")
_IMPORT = struct.Struct("<IIIII")
_DELAYED = struct.Struct("<IIIIIIII")
_OPTIONAL = {0x10B: 92, 0x20B: 108}
"""Magic of the optional header, and where in it the number of its directories stands."""
_EXPORTS, _IMPORTS, _DELAYED_IMPORTS = 0, 1, 13
_IS_CODE = 0x20000000
_CODE = "code"
_MOST_LIBRARIES = 1 << 12
_MOST_SECTIONS = 1 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """Bytes of the file, and where they go."""

    address: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Pe:
    """A Windows library as far as it could be read; `unjudged` tells the rest.

    `delayed` are the libraries that are loaded when first used; `name` is what the library calls itself.
    """

    machine: str
    needed: tuple[str, ...]
    delayed: tuple[str, ...]
    name: str | None
    fatbins: tuple[Span, ...]
    data: tuple[Span, ...]
    unjudged: tuple[Unjudged, ...]


def parse_pe(window: Window) -> Pe:
    """Read headers and import tables; raise Unreadable where there is no PE header."""
    start = window.unpack(_WORD, 0x3C, "the address of the PE header")[0]
    signature, machine, count, _, _, _, optional_size, _ = _COFF.unpack(window.read(start, _COFF.size, "the PE header"))
    if signature != b"PE\0\0":
        raise Unreadable("there is no PE header")
    optional = start + _COFF.size
    sections = _sections(window, optional + optional_size, count)
    needed: tuple[str, ...] = ()
    delayed: tuple[str, ...] = ()
    name: str | None = None
    unjudged: list[Unjudged] = []
    try:
        directories = _directories(window, optional, optional_size)
        needed = _imports(window, sections, directories.get(_IMPORTS), _IMPORT, 3)
        delayed = _imports(window, sections, directories.get(_DELAYED_IMPORTS), _DELAYED, 1)
        name = _own_name(window, sections, directories.get(_EXPORTS))
    except Unreadable as fault:
        unjudged.append(Unjudged(part="libraries", why=str(fault)))
    spans = [one.span for one in sections]
    unjudged += [
        Unjudged(part="code", why=f"the bytes from {one.start} to {one.end} end outside the file")
        for one in spans
        if one.end > window.size
    ][:1]
    return Pe(
        machine=_MACHINES.get(machine, f"machine {machine:#x}"),
        needed=needed,
        delayed=delayed,
        name=name,
        fatbins=merge_spans(one for one in spans if one.place in _FATBIN_SECTIONS.values()),
        data=merge_spans(one for one in spans if one.place != _CODE),
        unjudged=tuple(unjudged),
    )


def _sections(window: Window, start: int, count: int) -> tuple[_Section, ...]:
    if count > _MOST_SECTIONS:
        raise Unreadable(f"{count} section headers are more than a library has")
    table = window.read(start, count * _SECTION.size, "the section headers")
    found = []
    for name, _, address, size, offset, _, _, _, _, flags in _SECTION.iter_unpack(table):
        place = _FATBIN_SECTIONS.get(name.rstrip(b"\0"), _CODE if flags & _IS_CODE else "")
        if size:
            found.append(_Section(address=address, span=Span(start=offset, end=offset + size, place=place)))
    return tuple(found)


def _directories(window: Window, optional: int, size: int) -> dict[int, int]:
    """Return the addresses of the data directories that exist; loaders do not read their sizes."""
    what = "the optional header"
    magic = int.from_bytes(window.read(optional, 2, what), "little")
    if magic not in _OPTIONAL:
        raise Unreadable(f"an optional header of magic {magic:#x} is not known")
    at = _OPTIONAL[magic]
    count = min(window.unpack(_WORD, optional + at, what)[0], 16, max(0, size - at - 4) // _DIRECTORY.size)
    table = window.read(optional + at + 4, count * _DIRECTORY.size, what)
    return {number: address for number, (address, _) in enumerate(_DIRECTORY.iter_unpack(table)) if address}


def _imports(
    window: Window, sections: tuple[_Section, ...], address: int | None, layout: struct.Struct, name_field: int
) -> tuple[str, ...]:
    """Return the names in an import table, which ends with a row of zeros."""
    if address is None:
        return ()
    offset, end = _offset(sections, address)
    names: list[str] = []
    budget = window.size
    for number in range(_MOST_LIBRARIES):
        if offset + (number + 1) * layout.size > end:
            break
        row = window.unpack(layout, offset + number * layout.size, "an import table")
        if not row[name_field]:
            return tuple(names)
        names.append(window.name(*_offset(sections, row[name_field]), "the name of a library"))
        budget -= len(names[-1])
        if budget < 0:
            raise Unreadable("an import table names one text again and again")
    raise Unreadable("an import table does not end")


def _own_name(window: Window, sections: tuple[_Section, ...], address: int | None) -> str | None:
    if address is None:
        return None
    name = window.unpack(_WORD, _offset(sections, address)[0] + 12, "the export table")[0]
    return window.name(*_offset(sections, name), "the name of the library") if name else None


def _offset(sections: tuple[_Section, ...], address: int) -> tuple[int, int]:
    """Return where in the file an address is loaded from, and where its section ends."""
    for one in sections:
        start = one.span.start + address - one.address
        if one.address <= address and start < one.span.end:
            return start, one.span.end
    raise Unreadable(f"the address {address:#x} is in no section")
