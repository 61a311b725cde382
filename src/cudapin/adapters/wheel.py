"""A wheel file, read once from front to back: each file is inflated one time, for its hash and for what it is."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from cudapin.adapters.archive import inflate, open_archive, read_member, unreadable
from cudapin.core.audit import Subject
from cudapin.core.binary import read_binary
from cudapin.core.binary_format import is_compiled
from cudapin.core.compiled import Binary
from cudapin.core.names import normalise
from cudapin.core.stamp import RECORD_NAME
from cudapin.core.wheel_name import split_label

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from pathlib import Path
    from zipfile import ZipFile, ZipInfo

__all__ = ["WheelInfo", "parse_headers", "read_files", "read_info", "read_wheel"]

_IN_MEMORY = 16 << 20
_MOST_METADATA = 16 << 20
_MOST_RECORD = 64 << 20
_ALGORITHMS = {"sha256": 32, "sha384": 48, "sha512": 64}
_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelInfo:
    """What a wheel says of itself, read without its other files: the name of its `.dist-info` folder and what is there.

    `record` is cudapin's, `record_fault` why it cannot be read; `rows` are hash and size of each file in RECORD.
    """

    folder: str
    name: str
    version: str
    record: Mapping[str, Any] | None
    record_fault: str | None
    rows: Mapping[str, tuple[str, str]]
    extra: bytes | None = None


class _Digest(Protocol):
    """What hashlib returns."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def read_files(files: Mapping[str, Path]) -> tuple[Binary, ...]:
    """Read the compiled ones among files on disk, given by their paths in the wheel.

    What cannot be opened is left to the build, which needs it too.
    """
    found = []
    for name, path in sorted(files.items()):
        with suppress(OSError), path.open("rb", buffering=0) as stream:
            if is_compiled(stream.read(8)):
                found.append(Binary(path=name, info=read_binary(stream)))
    return tuple(binary for binary in found if _is_what_it_says(binary))


def read_wheel(path: Path, shown: str | None = None) -> Subject:
    """Read all of a wheel. Raises LockError (CP416) for what is none, is damaged, or would do harm unpacked."""
    shown = shown or str(path)
    with open_archive(path, shown) as (archive, stream):
        info = _info_folder(archive, path.name, shown)
        metadata = _headers(archive, f"{info}/METADATA", shown)
        tags = _headers(archive, f"{info}/WHEEL", shown).get_all("Tag", [])
        record, fault = _record(archive, f"{info}/extra_metadata/{RECORD_NAME}", shown)
        rows, listing = _rows(archive, f"{info}/RECORD", shown)
        binaries = _read_members(archive, stream, rows, listing, info)
        name, version = _identity(metadata, info, shown)
        interpreters, abis, platforms = _tags(path.name, tags)
        return Subject(
            path=shown,
            name=name,
            version=version,
            interpreters=interpreters,
            abis=abis,
            platforms=platforms,
            requires=tuple(str(one) for one in metadata.get_all("Requires-Dist", [])),
            requires_python=str(metadata.get("Requires-Python", "")),
            classifiers=tuple(str(one) for one in metadata.get_all("Classifier", [])),
            record=record,
            record_fault=fault,
            listing=tuple(sorted(listing.items())),
            binaries=binaries,
        )


def read_info(path: Path, shown: str | None = None, extra: str = "") -> WheelInfo:
    """Read what a wheel says of itself, and the file `extra` of its `.dist-info` folder if it has one.

    Raises LockError (CP416) as `read_wheel` does.
    """
    shown = shown or str(path)
    with open_archive(path, shown) as (archive, _):
        info = _info_folder(archive, path.name, shown)
        name, version = _identity(_headers(archive, f"{info}/METADATA", shown), info, shown)
        record, fault = _record(archive, f"{info}/extra_metadata/{RECORD_NAME}", shown)
        member = archive.NameToInfo.get(f"{info}/{extra}")
        return WheelInfo(
            folder=info,
            name=name,
            version=version,
            record=record,
            record_fault=fault,
            rows=_rows(archive, f"{info}/RECORD", shown)[0],
            extra=None if member is None else read_member(archive, member, shown, _MOST_METADATA),
        )


# What a wheel says of itself


def _identity(metadata: Message, info: str, shown: str) -> tuple[str, str]:
    """Return the normalised name and the version."""
    name, version = metadata.get("Name"), metadata.get("Version")
    if not name or not version:
        raise unreadable(shown, f"`{info}/METADATA` has no name or no version")
    return normalise(name.strip()), version.strip()


def _info_folder(archive: ZipFile, filename: str, shown: str) -> str:
    """Return the `.dist-info` folder of the wheel itself: the only one at the top, else the one of the file's name."""
    found = sorted(
        {
            name.partition("/")[0]
            for name in archive.namelist()
            if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        }
    )
    own = [name for name in found if name.lower() == f"{'-'.join(filename.split('-')[:2])}.dist-info".lower()]
    if len(own or found) != 1:
        raise unreadable(shown, f"wanted one `.dist-info` folder with METADATA, found {len(found)}")
    return (own or found)[0]


def _headers(archive: ZipFile, name: str, shown: str) -> Message:
    if name not in archive.NameToInfo:
        raise unreadable(shown, f"wanted `{name}`, found none")
    return parse_headers(read_member(archive, archive.NameToInfo[name], shown, _MOST_METADATA))


def parse_headers(content: bytes) -> Message:
    """Return the fields of a METADATA, PKG-INFO or WHEEL file, without the description below them."""
    head = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return HeaderParser().parsestr(head.decode("utf-8", "replace"))


def _record(archive: ZipFile, name: str, shown: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return cudapin's record, or why it cannot be read; nothing of both where there is none."""
    if name not in archive.NameToInfo:
        return None, None
    try:
        found = json.loads(read_member(archive, archive.NameToInfo[name], shown, _MOST_METADATA))
    except (ValueError, RecursionError) as error:
        return None, f"wanted JSON, found: {error}"
    return (found, None) if isinstance(found, dict) else (None, "wanted a JSON object")


def _tags(filename: str, tags: list[str]) -> tuple[tuple[str, ...], ...]:
    """Return interpreters, ABIs, platforms, of the file's name where it is one of a wheel, else of its `WHEEL` file."""
    parts = split_label(filename)[0].removesuffix(".whl").split("-")
    if len(parts) in (5, 6):
        return tuple(tuple(part.split(".")) for part in parts[-3:])
    split = [tag.strip().split("-") for tag in tags]
    whole = [tag for tag in split if len(tag) == 3]  # noqa: PLR2004
    return tuple(tuple(dict.fromkeys(tag[place] for tag in whole)) for place in range(3))


def _rows(archive: ZipFile, name: str, shown: str) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return hash and size of each file after RECORD, and what is wrong with RECORD itself, by file."""
    if name not in archive.NameToInfo:
        raise unreadable(shown, f"wanted `{name}`, found none")
    text = read_member(archive, archive.NameToInfo[name], shown, _MOST_RECORD).decode("utf-8", "replace")
    rows: dict[str, tuple[str, str]] = {}
    faults: dict[str, str] = {}
    try:
        for row in csv.reader(io.StringIO(text, newline=None)):
            if not row:
                continue
            path, digest, size = (*row, "", "", "")[:3]
            if path in rows and rows[path] != (digest, size):
                faults[path] = "it is in RECORD twice, with different hashes"
            rows[path] = (digest, size)
            if path not in archive.NameToInfo:
                faults[path] = "it is in RECORD and not in the wheel"
    except csv.Error as error:
        faults[name] = f"RECORD is no table of comma-separated values: {error}"
    return rows, faults


# Its files


def _read_members(
    archive: ZipFile, stream: BinaryIO, rows: Mapping[str, tuple[str, str]], faults: dict[str, str], info: str
) -> tuple[Binary, ...]:
    unlisted = {f"{info}/{name}" for name in _UNLISTED}
    found = []
    for member in archive.infolist():
        name = member.filename
        if member.is_dir():
            continue
        listed = None if name in unlisted else rows.get(name)
        if listed is None and name not in unlisted:
            faults.setdefault(name, "it is in the wheel and not in RECORD")
        digest, wanted, fault = _hash_of(listed, member)
        if fault is not None:
            faults.setdefault(name, fault)
        binary = _read_member(stream, member, digest)
        if binary is not None and _is_what_it_says(binary):
            found.append(binary)
        if digest is not None and digest.digest() != wanted:
            faults.setdefault(name, "its hash is not the one in RECORD")
    return tuple(sorted(found, key=lambda one: one.path))


def _read_member(stream: BinaryIO, member: ZipInfo, digest: _Digest | None) -> Binary | None:
    """Inflate a file once, for its hash and, if it is a compiled one, for what it says."""
    file: BinaryIO | None = None
    is_first = True
    try:
        for piece in inflate(stream, member, is_hashed=digest is not None):
            if is_first and is_compiled(piece[:8]):
                file = _keep(member.file_size)
            is_first = False
            if digest is not None:
                digest.update(piece)
            if file is not None:
                file.write(piece)
        return None if file is None else Binary(path=member.filename, info=read_binary(file))
    finally:
        if file is not None:
            file.close()


def _keep(size: int) -> BinaryIO:
    """Return where a compiled file is kept while it is judged: in memory, or in a file without a name."""
    if size <= _IN_MEMORY:
        return io.BytesIO()
    return tempfile.TemporaryFile(buffering=0)


def _hash_of(listed: tuple[str, str] | None, member: ZipInfo) -> tuple[_Digest | None, bytes, str | None]:
    """Return what computes the hash of a file, the hash that RECORD has of it, and what is wrong with that."""
    if listed is None or listed[0] == "":
        return None, b"", None if listed is None else "RECORD has no hash of it"
    algorithm, _, text = listed[0].partition("=")
    try:
        wanted = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except ValueError:
        wanted = b""
    if len(wanted) != _ALGORITHMS.get(algorithm):
        return None, b"", f"RECORD has `{listed[0][:100]}` where a hash should be"
    fault = None
    if listed[1] != str(member.file_size):
        fault = f"RECORD has {listed[1][:20] or 'no'} bytes, the wheel has {member.file_size}"
    return hashlib.new(algorithm), wanted, fault


def _is_what_it_says(binary: Binary) -> bool:
    """Leave out what begins like a Windows program and is none: its mark is two letters."""
    if binary.info.format != "pe" or binary.info.is_judged("file"):
        return True
    return binary.path.lower().endswith((".dll", ".pyd", ".exe"))
