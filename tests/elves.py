"""Compiled files without a compiler: just enough of ELF, PE and fatbin for readelf and cuobjdump to accept them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

PTX, CUBIN, OLD_CUBIN, LTO, INDEX, RELOCATABLE_PTX, TILE, CONCATENATED = 1, 2, 4, 8, 32, 64, 128, 256
A, F, ZSTD, LZ4 = 0x100000, 0x200000, 0x8000, 0x2000
BASE = 0x400000
"""Added to an offset in a made ELF file, it is the address that is loaded from there."""
IMAGE_BASE = 0x1000
"""The same for a made PE file."""
CUDART_TEXTS = b"\0cudaErrorCudartUnloading\0driver shutting down\0"
_ENTRY = struct.Struct("<HHIQIIHHIIIQQQ")


@dataclass(frozen=True)
class Entry:
    """One entry of a fatbin; `options` and `name` are what nvcc adds to some headers."""

    kind: int = CUBIN
    arch: int = 90
    flags: int = 0x11
    version: tuple[int, int] = (1, 8)
    payload: bytes = b"\x7fELF...."
    options: bytes | None = None
    name: bytes = b""
    parts: tuple[Entry, ...] = ()
    header_version: int = 0x0101

    def header(self, length: int | None = None) -> bytes:
        """Return the header; in a concatenated entry `length` is something else, as nvcc has it."""
        tail, name_at, options_at = b"", 0, 0
        if self.name:
            name_at, tail = 64, self.name
        if self.options is not None:
            tail += bytes(-len(tail) % 8)
            options_at = 64 + len(tail)
            tail += struct.pack("<II", options_at + 8, len(self.options)) + self.options
        if self.parts:
            options_at = 64
            listed = b"".join(part.header(1000 * number) for number, part in enumerate(self.parts))
            tail = struct.pack("<II", len(self.parts), 8 + len(listed)) + listed
        elif tail:
            tail += bytes(8 - len(tail) % 8)
        major, minor = self.version
        return (
            _ENTRY.pack(
                self.kind,
                self.header_version,
                64 + len(tail) if length is None else length,
                len(self.payload),
                len(self.payload) if self.flags & (ZSTD | LZ4) else 0,
                options_at,
                minor,
                major,
                self.arch,
                name_at,
                len(self.name),
                self.flags,
                0,
                0,
            )
            + tail
        )


def make_fatbin(*entries: Entry, version: int = 1, size: int | None = None) -> bytes:
    """Return one container."""
    content = b"".join(entry.header() + entry.payload for entry in entries)
    return struct.pack("<IHHQ", 0xBA55ED50, version, 16, len(content) if size is None else size) + content


def make_elf(  # noqa: C901, PLR0915
    *,
    needed: tuple[str, ...] = (),
    soname: str | None = None,
    runpath: str | None = None,
    rpath: str | None = None,
    undefined: tuple[bytes, ...] = (),
    defined: tuple[bytes, ...] = (b"PyInit_x",),
    data: bytes = b"",
    fatbins: dict[str, bytes] | None = None,
    sections: bool = True,
    bits: int = 64,
    order: str = "<",
    hash_style: str = "sysv",
) -> bytes:
    """Return a shared library: headers, strings, symbols, hash table, dynamic segment, data, device code, sections."""
    wide = bits == 64
    texts = b"\0"
    tags: list[tuple[int, int]] = []

    def text(value: bytes) -> int:
        nonlocal texts
        at = len(texts)
        texts += value + b"\0"
        return at

    for tag, names in ((1, needed), (14, (soname,)), (15, (rpath,)), (29, (runpath,))):
        tags += [(tag, text(name.encode())) for name in names if name is not None]
    symbol = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
    symbols = symbol.pack(0, 0, 0, 0, 0, 0)
    for number, name in enumerate((*undefined, *defined)):
        section = 0 if number < len(undefined) else 1
        symbols += symbol.pack(
            *((text(name), 0x12, 0, section, 0, 0) if wide else (text(name), 0, 0, 0x12, 0, section))
        )
    count = 1 + len(undefined) + len(defined)
    parts: list[bytes] = [bytes((64 + 2 * 56) if wide else (52 + 2 * 32))]

    def add(content: bytes) -> int:
        parts.append(bytes(-sum(map(len, parts)) % 8))
        at = sum(map(len, parts))
        parts.append(content)
        return at

    tags.append((6, BASE + add(symbols)))
    tags += [(5, BASE + add(texts)), (10, len(texts))]
    if hash_style == "sysv":
        tags.append((4, BASE + add(struct.pack(order + "4I", 1, count, 0, 0))))
    elif hash_style == "gnu":
        bucket = 1 + len(undefined) if defined else 0
        first = 1 + len(undefined) if defined else 1
        bloom = struct.pack(order + ("Q" if wide else "I"), 0)
        tags.append(
            (
                0x6FFFFEF5,
                BASE + add(struct.pack(order + "4I", 1, first, 1, 6) + bloom + struct.pack(order + "I", bucket)),
            )
        )
    dynamic = b"".join(struct.pack(order + ("qQ" if wide else "iI"), *tag) for tag in (*tags, (0, 0)))
    dynamic_at = add(dynamic)
    rows = [(b"", 0, 0, 0, 0), (b".rodata", 1, 2, add(data), len(data))]
    for name, content in (fatbins or {}).items():
        rows.append((name.encode(), 1, 2, add(content), len(content)))
    loaded = sum(map(len, parts))
    names = b"\0"
    sections_at = 0
    if sections:
        starts = []
        for row in (*rows, (b".shstrtab",)):
            starts.append(len(names) if row[0] else 0)
            names += row[0] + b"\0" if row[0] else b""
        rows.append((b".shstrtab", 3, 0, add(names), len(names)))
        table = b""
        for start, (_, kind, flags, offset, size) in zip(starts, rows, strict=True):
            values = (start, kind, flags, BASE + offset, offset, size, 0, 0, 8, 0)
            table += struct.pack(order + ("IIQQQQIIQQ" if wide else "10I"), *values)
        sections_at = add(table)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    head = (3, 62, 1, 0, 64 if wide else 52, sections_at, 0, 64 if wide else 52, 56 if wide else 32, 2)
    tail = (64 if wide else 40, len(rows) if sections else 0, len(rows) - 1 if sections else 0)
    header = ident + struct.pack(order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"), *head, *tail)
    for kind, offset, size in ((1, 0, loaded), (2, dynamic_at, len(dynamic))):
        address = BASE + offset
        header += (
            struct.pack(order + "IIQQQQQQ", kind, 4, offset, address, address, size, size, 8)
            if wide
            else struct.pack(order + "8I", kind, offset, address, address, size, size, 4, 8)
        )
    parts[0] = header
    return b"".join(parts)


def make_pe(
    *,
    needed: tuple[str, ...] = (),
    delayed: tuple[str, ...] = (),
    name: str | None = None,
    data: bytes = b"",
    fatbins: dict[str, bytes] | None = None,
    wide: bool = True,
) -> bytes:
    """Return a Windows library: headers, one section with tables and data, sections of device code."""
    magic, fixed = (0x20B, 112) if wide else (0x10B, 96)
    names = (*fatbins,) if fatbins else ()
    start = 0x80 + 24 + fixed + 16 * 8 + 40 * (1 + len(names))
    content = b""
    address = IMAGE_BASE + start

    def add(more: bytes) -> int:
        nonlocal content
        at = address + len(content)
        content += more
        return at

    directories = [(0, 0)] * 16
    imports = [add(one.encode() + b"\0") for one in needed]
    late = [add(one.encode() + b"\0") for one in delayed]
    own = add(name.encode() + b"\0") if name else 0
    if needed:
        rows = b"".join(struct.pack("<5I", 0, 0, 0, one, 0) for one in (*imports, 0))
        directories[1] = (add(rows), len(rows))
    if delayed:
        rows = b"".join(struct.pack("<8I", 1, one, 0, 0, 0, 0, 0, 0) for one in (*late, 0))
        directories[13] = (add(rows), len(rows))
    if name:
        directories[0] = (add(struct.pack("<10I", 0, 0, 0, own, 0, 0, 0, 0, 0, 0)), 40)
    add(data)
    sections = [(b".rdata", content), *((one[:8].encode(), fatbins[one]) for one in names if fatbins)]
    header = bytearray(b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)).ljust(0x80, b"\0")
    header += struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, len(sections), 0, 0, 0, fixed + 16 * 8, 0x2022)
    header += struct.pack("<H", magic).ljust(fixed - 4, b"\0") + struct.pack("<I", 16)
    header += b"".join(struct.pack("<II", *directory) for directory in directories)
    at = start
    for section, value in sections:
        header += struct.pack(
            "<8sIIIIIIHHI", section, len(value), IMAGE_BASE + at, len(value), at, 0, 0, 0, 0, 0x40000040
        )
        at += len(value)
    return bytes(header) + b"".join(value for _, value in sections)
