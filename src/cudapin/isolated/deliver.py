"""Puts finished files into the output folder, each in one step, and never one over another of the same run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EISDIR
from typing import TYPE_CHECKING

from cudapin.core.stamp import RECORD_NAME
from cudapin.errors import Code, Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Delivery", "recorded_variant"]

_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The output folder of one run."""

    output: Path
    _delivered: dict[Path, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, file: Path, folder: str, owner: str) -> tuple[Path, str]:
        """Move a file into a folder below the output folder; return where it is, and its SHA-256.

        Raises Refusal where a file of that name was put there in this run already, or it cannot be written.
        """
        (done,) = self.put_all([(file, owner)], folder)
        return done

    def put_all(self, files: Iterable[tuple[Path, str]], folder: str) -> list[tuple[Path, str]]:
        """Move files, each with its owner, as `put` does: none is there before all of them have their room."""
        owners = dict(files)
        targets = {file: self.output / folder / file.name for file in owners}
        with self._lock:
            for file, target in targets.items():
                if target in self._delivered:
                    raise Refusal(_twice(target.name, self._delivered[target], owners[file]))
                self._delivered[target] = owners[file]
        done = [(target, _sha256(file)) for file, target in targets.items()]
        drafts: dict[Path, Path] = {}
        current = self.output
        try:
            for file, target in targets.items():
                current = target
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.is_dir():
                    raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
                drafts[target] = target.with_name(f".{target.name}.{os.getpid()}.tmp")
                _move(file, drafts[target])
            for current, draft in drafts.items():
                draft.replace(current)
        except OSError as error:
            raise Refusal(_unwritable(current, error)) from error
        finally:
            for draft in drafts.values():
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
        return done


def recorded_variant(wheel: Path) -> str | None:
    """Return the variant that the record of a wheel names; None where there is no such record."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(f".dist-info/extra_metadata/{RECORD_NAME}") and name.count("/") == 2:  # noqa: PLR2004
                found = json.loads(archive.read(name)).get("variant")
                return found if isinstance(found, str) else None
    return None


def _move(file: Path, target: Path) -> None:
    """Move a file, also to another file system."""
    try:
        file.replace(target)
    except OSError:
        shutil.copyfile(file, target)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _twice(name: str, first: str, second: str) -> Problem:
    return Problem(
        code=Code.CP603,
        what=f"the wheels of `{first}` and `{second}` have one name",
        why=f"both are called `{name}`, so the second would overwrite the first, which was kept",
        fix='set `spelling = "local"` in `[tool.cudapin]`, or rename one of the two variants',
    )


def _unwritable(target: Path, error: OSError) -> Problem:
    return Problem(
        code=Code.CP603,
        what=f"`{target.name}` cannot be written",
        why=f"wanted to write it to `{target.parent}`, found: {error.strerror or error}",
        fix="name a folder that can be written with `-o DIR`",
    )
