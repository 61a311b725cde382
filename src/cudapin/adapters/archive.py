"""A wheel as a zip archive that cannot be trusted: refused where reading or unpacking it could do harm."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from cudapin.errors import Code, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from zipfile import ZipFile, ZipInfo

__all__ = ["inflate", "open_archive", "read_member", "unreadable"]

_MOST_MEMBERS = 250_000
_MOST_BYTES = 64 << 30
_BOMB_BYTES, _BOMB_RATIO = 2 << 30, 100
"""More than this, and compressed more than this, is a bomb: code shrinks to a third, device code not at all."""
_ENCRYPTED = 0x1 | 0x40
_HEADER = 30
_HEADER_MAGIC = b"PK\x03\x04"
_UTF8 = 0x800
_CHUNK, _PIECE = 1 << 16, 1 << 18
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FIX = "build or download the wheel anew"
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError)
"""What zipfile raises for damaged archives; its own error is only one of them."""


@contextmanager
def open_archive(path: Path, shown: str) -> Iterator[tuple[ZipFile, BinaryIO]]:
    """Open a wheel, and judge its directory before anything is unpacked. Raises LockError (CP416)."""
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise unreadable(shown, "wanted a wheel, which is a zip archive, found a device, a pipe or a socket")
        with path.open("rb") as stream, _directory(stream) as archive:
            size = stream.seek(0, 2)
            why = _harm(archive.infolist(), size)
            if why is not None:
                raise unreadable(shown, why)
            yield archive, stream
    except _FAULTS as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        fixes: dict[type, str] = {
            IsADirectoryError: f"name the wheels in it, such as `{shown}/*.whl`",
            FileNotFoundError: "look how the wheel is called, and where it is",
        }
        fix = fixes.get(type(error), _FIX)
        raise unreadable(shown, f"wanted a wheel, which is a zip archive, found: {reason}", fix) from error


def _directory(stream: BinaryIO) -> ZipFile:
    try:
        return zipfile.ZipFile(stream)
    except (ValueError, RuntimeError, struct.error, OverflowError) as error:  # what its parsing lets through
        raise zipfile.BadZipFile(str(error)) from error


def unreadable(shown: str, why: str, fix: str = _FIX) -> LockError:
    """Return the error for a wheel that is of no use."""
    return LockError(
        Problem(code=Code.CP416, what=f"`{shown}` cannot be read", where=Where(path=shown), why=why, fix=fix)
    )


def read_member(archive: ZipFile, info: ZipInfo, shown: str, most: int) -> bytes:
    """Return the content of one small member; raise LockError (CP416) for one that is too large to be what it says."""
    if info.file_size > most:
        raise unreadable(shown, f"`{info.filename}` has {info.file_size} bytes, more than {most}")
    with archive.open(info) as stream:
        return stream.read(most)


def inflate(stream: BinaryIO, info: ZipInfo, *, is_hashed: bool) -> Iterator[bytes]:
    """Give the content of a member in pieces, from the file of the archive; raise BadZipFile for damage.

    zipfile's own reader does the same in twice the time for small members. `is_hashed`: the caller compares a better
    checksum than the archive has.
    """
    left, crc = info.file_size, 0
    for piece in _pieces(stream, info):
        left -= len(piece)
        if left < 0:
            break
        if not is_hashed:
            crc = zlib.crc32(piece, crc)
        yield piece
    if left:
        message = f"`{_printable(info.filename)}` is not {info.file_size} bytes long, as it should be"
        raise zipfile.BadZipFile(message)
    if not is_hashed and crc != info.CRC:
        message = f"`{_printable(info.filename)}` does not match its checksum"
        raise zipfile.BadZipFile(message)


def _pieces(stream: BinaryIO, info: ZipInfo) -> Iterator[bytes]:
    stream.seek(info.header_offset)
    header = stream.read(_HEADER)
    name_size, extra_size = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    name = stream.read(name_size)
    own = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437", "surrogateescape")
    if header[:4] != _HEADER_MAGIC or name != own or len(stream.read(extra_size)) != extra_size:
        message = f"`{_printable(info.filename)}` is not where the directory of the archive says"
        raise zipfile.BadZipFile(message)
    left = info.compress_size
    decompressor = zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
    while left > 0:
        data = stream.read(min(left, _CHUNK))
        if not data:
            return
        left -= len(data)
        if decompressor is None:
            yield data
        while decompressor is not None and data and not decompressor.eof:
            yield decompressor.decompress(data, _PIECE)
            data = decompressor.unconsumed_tail
    while decompressor is not None and not decompressor.eof:
        piece = decompressor.decompress(decompressor.unconsumed_tail, _PIECE)
        if not piece:
            return
        yield piece


def _harm(members: list[ZipInfo], size: int) -> str | None:
    if len(members) > _MOST_MEMBERS:
        return f"it has {len(members)} files, more than {_MOST_MEMBERS}"
    seen: set[str] = set()
    for info in members:
        name = info.filename
        if why := _harm_of_member(info):
            return f"`{_printable(name)}` {why}"
        if name in seen:
            return f"`{_printable(name)}` is in it twice"
        seen.add(name)
    total = sum(info.file_size for info in members)
    if total > _MOST_BYTES or (total > _BOMB_BYTES and total > _BOMB_RATIO * size):
        return f"its {size} bytes would become {total}, as in an archive that is made to fill disks"
    reached = 0
    for info in sorted(members, key=lambda one: one.header_offset):
        if info.header_offset < reached:
            return f"`{_printable(info.filename)}` overlaps another file"
        reached = info.header_offset + _HEADER + info.compress_size
    return "its files end outside it" if reached > size else None


def _harm_of_member(info: ZipInfo) -> str | None:
    name = info.orig_filename
    parts = name.replace("\\", "/").split("/")
    if "\\" in name or "\0" in name or not name or parts[0] == "" or ".." in parts or ":" in parts[0]:
        return "is a path that leads out of the wheel"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in _METHODS:
        return f"is compressed by method {info.compress_type}, which installers do not read"
    return None


def _printable(name: str) -> str:
    return name[:200].encode("ascii", "backslashreplace").decode().replace("\n", "\\n").replace("\0", "\\0")
