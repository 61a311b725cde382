"""Finished wheels and sdists: which there are in folders, and what each says of itself."""

from __future__ import annotations

import os
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cudapin.adapters.wheel import parse_headers, read_info
from cudapin.core.fields import name_list
from cudapin.core.wheel_name import VARIANTS_FILE, split_label
from cudapin.errors import Code, ConfigError, LockError, Problem, Where
from cudapin.release.index_place import Found
from cudapin.release.pep825 import MEMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Dist", "Sdist", "find_dists", "read_found", "read_sdist", "unreadable_sdist"]

_KINDS = (".whl", ".tar.gz", VARIANTS_FILE)
_MOST_METADATA = 16 << 20
_MOST_MEMBERS = 250_000
_MOST_BYTES = 8 << 30
_TEXTS = (".toml", ".lock", ".txt", ".in", ".json", ".cfg", ".py", "/PKG-INFO")
"""What a lock is judged by; `setup.py` and `setup.cfg` are inputs of pip-tools."""
_SDIST_FAULTS = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dist:
    """A file to publish, and the path that messages show."""

    path: Path
    shown: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdist:
    """An sdist as it was read: its metadata, and its text files by path below its top folder."""

    shown: str
    filename: str
    pkg_info: bytes
    texts: dict[str, bytes] = field(default_factory=dict)
    names: frozenset[str] = frozenset()


def find_dists(names: Sequence[str], leave_out: Path | None = None) -> tuple[Dist, ...]:
    """Return the wheels, sdists and variants files among files and in folders, whatever their depth, sorted.

    `leave_out` is a folder that is not searched. Raises ConfigError (CP112) for what is missing, or no such file.
    """
    found: dict[Path, Dist] = {}
    problems = []
    for name in dict.fromkeys(names):
        path = Path(name)
        if path.is_dir():
            found.update((dist.path, dist) for dist in _in_folder(path, leave_out))
        elif not path.is_file():
            problems.append(_wrong(f"there is no `{name}`", "wanted a wheel, an sdist or a folder", "correct the path"))
        elif not name.endswith(_KINDS):
            why = f"wanted a file whose name ends in {name_list(_KINDS)}"
            problems.append(_wrong(f"`{name}` is no distribution", why, "leave it out"))
        else:
            found.setdefault(path, Dist(path=path, shown=name))
    if not found and not problems:
        why = f"found no file in {name_list(names)} whose name ends in {name_list(_KINDS)}"
        problems.append(_wrong("there is no wheel and no sdist", why, "build some, or name the right folder"))
    if problems:
        raise ConfigError(*problems)
    return tuple(sorted(found.values(), key=lambda dist: (dist.name, dist.shown)))


def _in_folder(folder: Path, leave_out: Path | None) -> Iterator[Dist]:
    out = None if leave_out is None else leave_out.resolve()
    for base, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and (out is None or Path(base, name).resolve() != out)]
        for name in files:
            if name.endswith(_KINDS) and name[0] != ".":
                path = Path(base, name)
                yield Dist(path=path, shown=path.as_posix())


def _wrong(what: str, why: str, fix: str) -> Problem:
    return Problem(code=Code.CP112, what=what, why=why, fix=fix)


def read_found(dist: Dist) -> Found:
    """Return what a wheel or an sdist says of itself. Raises LockError (CP416, CP736) where it cannot be read."""
    if not dist.name.endswith(".whl"):
        content = read_sdist(dist, with_texts=False).pkg_info
        metadata, record, fault, variant = content, None, None, None
    else:
        info = read_info(dist.path, dist.shown, "METADATA")
        content = metadata = info.extra or b""
        record, fault = info.record, info.record_fault
        is_labelled = split_label(dist.name)[1] is not None
        variant = read_info(dist.path, dist.shown, MEMBER).extra if is_labelled else None
    fields = parse_headers(content)
    python = fields.get("Requires-Python")
    return Found(
        shown=dist.shown,
        filename=dist.name,
        name=str(fields.get("Name", "")).strip(),
        version=str(fields.get("Version", "")).strip(),
        requires_python=None if python is None else str(python).strip(),
        metadata=metadata if dist.name.endswith(".whl") else None,
        record=record,
        record_fault=fault,
        variant_json=variant,
    )


def read_sdist(dist: Dist, *, with_texts: bool) -> Sdist:
    """Read an sdist (PEP 625): one folder with PKG-INFO; nothing is unpacked. Raises LockError (CP736)."""
    try:
        with tarfile.open(dist.path, "r:gz") as archive:
            return _read_members(archive, dist, with_texts=with_texts)
    except _SDIST_FAULTS as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise unreadable_sdist(dist.shown, f"wanted an sdist, which is a `.tar.gz`, found: {reason}") from error


def _read_members(archive: tarfile.TarFile, dist: Dist, *, with_texts: bool) -> Sdist:
    top = dist.name.removesuffix(".tar.gz")
    texts: dict[str, bytes] = {}
    names: set[str] = set()
    total = 0
    for number, member in enumerate(archive):
        total += member.size
        if number > _MOST_MEMBERS or total > _MOST_BYTES:
            raise unreadable_sdist(dist.shown, "it would fill the disk when it is unpacked")
        folder, _, name = member.name.partition("/")
        parts = name.split("/")
        if not member.isfile():
            continue
        if folder != top or not name or ".." in parts or "" in parts or "\\" in name or ":" in name:
            why = f"wanted everything below `{top}/`, found `{member.name[:200]!a}`"
            raise unreadable_sdist(dist.shown, why)
        names.add(name)
        if name == "PKG-INFO" or (with_texts and f"/{name}".endswith(_TEXTS) and member.size <= _MOST_METADATA):
            stream = archive.extractfile(member)
            texts[name] = stream.read(_MOST_METADATA) if stream else b""
            if name == "PKG-INFO" and not with_texts:
                break
    if "PKG-INFO" not in texts:
        raise unreadable_sdist(dist.shown, f"wanted `{top}/PKG-INFO`, found none")
    return Sdist(shown=dist.shown, filename=dist.name, pkg_info=texts["PKG-INFO"], texts=texts, names=frozenset(names))


def unreadable_sdist(shown: str, why: str) -> LockError:
    """Return the error for an sdist that is of no use."""
    return LockError(
        Problem(
            code=Code.CP736,
            what=f"`{shown}` cannot be read",
            where=Where(path=shown),
            why=why,
            fix="build the sdist anew, by a tool that follows PEP 625",
        )
    )
