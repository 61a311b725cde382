"""A static package index on disk: what lies in it, and the careful writing of what is new.

The files are the truth and the pages are made from them: a file that no page names yet, because a run was interrupted,
is read again. Everything is written beside its place and then renamed, files before the pages that name them.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cudapin.core.wheel_name import VARIANTS_FILE
from cudapin.errors import Code, CudapinError, Problem, Refusal, Where
from cudapin.release.index_page import COMBINED, IndexedFile, parse_page

__all__ = ["IndexFault", "IndexTree", "Stored", "sha256_of", "unwritable"]

_PART = ".cudapin-part"
_TAIL = 1 << 14
_CHUNK = 1 << 20
_FILES = (".whl", ".tar.gz", VARIANTS_FILE)
METADATA = ".metadata"


class IndexFault(CudapinError):
    """An index cannot be read or written."""

    exit_code = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file that lies in the index: its tree, size in bytes and time of change."""

    tree: str
    size: int
    mtime_ns: int


@dataclass(slots=True, kw_only=True)
class IndexTree:
    """The folder `whl` of an index. `written` are the paths, below it, that this run has written."""

    root: Path
    stored: dict[str, Stored] = field(default_factory=dict)
    known: dict[str, IndexedFile] = field(default_factory=dict)
    has_metadata: set[str] = field(default_factory=set)
    twice: list[tuple[str, str, str]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    parts: list[Path] = field(default_factory=list)
    """Half-written files: those of an interrupted run, then those of this one."""

    _made: set[Path] = field(default_factory=set)

    # Reading

    def read(self) -> None:
        """Read what is there. Raises IndexFault (CP714) where that is not possible."""
        if not self.root.exists():
            return
        try:
            with os.scandir(self.root) as entries:
                for entry in sorted(entries, key=lambda one: one.name):
                    if entry.is_dir():
                        self._read_folder(entry.name)
                    else:
                        self._read_entry(COMBINED, entry)
        except OSError as error:
            raise unwritable(self.root, error) from error

    def _read_folder(self, tree: str) -> None:
        """Read a folder below `whl`: a tree with its projects, or the page of a project of all trees."""
        with os.scandir(self.root / tree) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.is_dir():
                    self._read_page(f"{tree}/{entry.name}")
                else:
                    self._read_entry(tree, entry)
        self._read_page(tree)

    def _read_entry(self, tree: str, entry: os.DirEntry[str]) -> None:
        if entry.name.endswith(METADATA):
            self.has_metadata.add(_below(tree, entry.name.removesuffix(METADATA)))
        elif entry.name.endswith(_PART):
            self.parts.append(Path(entry.path))
        elif entry.name.endswith(_FILES) and entry.is_file():
            if entry.name in self.stored:
                self.twice.append((entry.name, self.stored[entry.name].tree, tree))
            state = entry.stat()
            self.stored[entry.name] = Stored(tree=tree, size=state.st_size, mtime_ns=state.st_mtime_ns)

    def _read_page(self, folder: str) -> None:
        with suppress(OSError):
            self.known.update(parse_page(folder, (self.root / folder / "index.json").read_bytes()))

    def known_of(self, filename: str) -> IndexedFile | None:
        """Return what the pages say of a file that is there and was not cut or replaced by one of another size."""
        stored = self.stored[filename]
        found = self.known.get(_below(stored.tree, filename))
        if found is None or found.size != stored.size:
            return None
        is_whole = found.metadata_sha256 is None or found.path in self.has_metadata
        return found if is_whole else None

    def path_of(self, filename: str) -> Path:
        """Return where a file lies."""
        return self.root / self.stored[filename].tree / filename

    def holds(self, filename: str, source: Path) -> bool:
        """Tell whether a file of the index is the same as one outside it; `known_of` must know it.

        Size, time of change and the end of both must be equal, which in a wheel has the checksum and size of each of
        its files; else all of both is read.
        """
        stored, target = self.stored[filename], self.path_of(filename)
        state = source.stat()
        if state.st_size != stored.size:
            return False
        if state.st_mtime_ns == stored.mtime_ns and _tail(source, stored.size) == _tail(target, stored.size):
            return True
        known = self.known_of(filename)
        return known is not None and sha256_of(source) == known.sha256 == sha256_of(target)

    # Writing

    def copy(self, source: Path, tree: str) -> tuple[str, int]:
        """Copy a file into a tree, with its time of change; return SHA-256 and size of what was copied.

        A hard link would change with a file that is built again in place.
        """
        target = self.root / tree / source.name
        part = self._part(target)
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as stream, part.open("wb") as out:
            before = os.fstat(stream.fileno())
            while piece := stream.read(_CHUNK):
                digest.update(piece)
                out.write(piece)
                size += len(piece)
            after = os.fstat(stream.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
            raise Refusal(_changed(source))
        os.utime(part, ns=(after.st_atime_ns, after.st_mtime_ns))
        self._rename(part, target, _below(tree, source.name))
        self.stored[source.name] = Stored(tree=tree, size=size, mtime_ns=after.st_mtime_ns)
        return digest.hexdigest(), size

    def write(self, path: str, content: bytes) -> None:
        """Write a file below `whl`, unless it holds just that."""
        target = self.root / path
        with suppress(OSError):
            if target.read_bytes() == content:
                return
        part = self._part(target)
        part.write_bytes(content)
        self._rename(part, target, path)

    def _part(self, target: Path) -> Path:
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)
        self.parts.append(target.with_name(f".{target.name}{_PART}"))
        return self.parts[-1]

    def _rename(self, part: Path, target: Path, path: str) -> None:
        is_new = not target.exists()
        part.replace(target)
        self.parts.remove(part)
        if is_new:
            self.written.append(path)

    def take_back(self) -> None:
        """Remove what this run has added, for a run that failed: no page names it yet."""
        for path in self.written:
            with suppress(OSError):
                (self.root / path).unlink()
        self.remove_parts()

    def remove_parts(self) -> None:
        """Remove what was left half written."""
        for part in self.parts:
            with suppress(OSError):
                part.unlink()
        self.parts.clear()


def _below(tree: str, name: str) -> str:
    return f"{tree}/{name}" if tree else name


def _tail(path: Path, size: int) -> bytes:
    with path.open("rb", buffering=0) as stream:
        stream.seek(max(0, size - _TAIL))
        return stream.read(_TAIL)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, however large."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _changed(source: Path) -> Problem:
    return Problem(
        code=Code.CP714,
        what=f"`{source}` changed while it was copied",
        where=Where(path=str(source)),
        why="its size or its time of change is another than before",
        fix="wait for the build to end, and run this again",
    )


def unwritable(path: Path, error: OSError) -> IndexFault:
    """Return the error for an index that cannot be read or written."""
    return IndexFault(
        Problem(
            code=Code.CP714,
            what=f"the index in `{path}` cannot be read or written",
            where=Where(path=str(error.filename or path)),
            why=f"found: {error.strerror or error}",
            fix="make room, or name a folder that you may write with `-o`",
        )
    )
