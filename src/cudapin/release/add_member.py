"""A finished wheel with one more file in its `.dist-info` folder, and nothing else changed."""

from __future__ import annotations

import base64
import copy
import hashlib
import os
import shutil
import zipfile
from typing import TYPE_CHECKING, BinaryIO

from cudapin.adapters.archive import open_archive, read_member

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["copy_with_member"]

_MOST_RECORD = 64 << 20
_CHUNK = 1 << 20


def copy_with_member(path: Path, target: Path, name: str, content: bytes) -> None:
    """Write the wheel `path` to `target` with the file `name` in it, just before RECORD and listed there.

    Every other file is copied as it is compressed, so the same input gives the same bytes. The new file has date,
    permissions and compression of RECORD. Where that fails, nothing is left behind.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open_archive(path, path.name) as (archive, stream), zipfile.ZipFile(temporary, "x") as copied:
            listing = archive.getinfo(f"{name.partition('/')[0]}/RECORD")
            rows = read_member(archive, listing, path.name, _MOST_RECORD)
            ends = _ends(archive)
            for member in archive.infolist():
                if member is not listing:
                    _copy_member(stream, member, ends[member.header_offset], copied)
                    continue
                copied.writestr(_like(listing, name), content)
                copied.writestr(_like(listing, listing.filename), _listed(rows, listing.filename, name, content))
            copied.comment = archive.comment
        shutil.copymode(path, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _ends(archive: zipfile.ZipFile) -> dict[int, int]:
    """Return where the bytes of each member end, by where they begin: at the next one, or at the directory."""
    starts = sorted(member.header_offset for member in archive.infolist())
    return dict(zip(starts, [*starts[1:], archive.start_dir], strict=True))


def _copy_member(stream: BinaryIO, member: zipfile.ZipInfo, end: int, copied: zipfile.ZipFile) -> None:
    """Copy the bytes of a member, header and all, and enter it into the directory at its new place."""
    assert copied.fp is not None  # noqa: S101 - it is open
    moved = copy.copy(member)
    moved.header_offset = copied.start_dir
    copied.fp.seek(copied.start_dir)
    stream.seek(member.header_offset)
    left = end - member.header_offset
    while left > 0 and (data := stream.read(min(left, _CHUNK))):
        copied.fp.write(data)
        left -= len(data)
    copied.filelist.append(moved)
    copied.NameToInfo[moved.filename] = moved
    copied.start_dir = copied.fp.tell()


def _like(listing: zipfile.ZipInfo, name: str) -> zipfile.ZipInfo:
    new = zipfile.ZipInfo(name, listing.date_time)
    new.compress_type, new.external_attr, new.create_system = (
        listing.compress_type,
        listing.external_attr,
        listing.create_system,
    )
    return new


def _listed(rows: bytes, listing: str, name: str, content: bytes) -> bytes:
    """Return RECORD with the new file, just before the line of RECORD itself where that is the last one."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    end = b"\r\n" if b"\r\n" in rows else b"\n"
    line = f"{name},sha256={digest},{len(content)}".encode() + end
    lines = rows.splitlines(keepends=True)
    own = f"{listing},".encode()
    at = next((number for number, text in enumerate(lines) if text.startswith(own)), len(lines))
    if at == len(lines) and lines and not lines[-1].endswith(end):
        lines[-1] += end
    return b"".join([*lines[:at], line, *lines[at:]])
