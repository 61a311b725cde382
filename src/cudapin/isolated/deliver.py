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
from typing import TYPE_CHECKING

from cudapin.core.stamp import RECORD_NAME
from cudapin.errors import Code, Problem, Refusal

if TYPE_CHECKING:
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
        target = self.output / folder / file.name
        with self._lock:
            if target in self._delivered:
                raise Refusal(_twice(target.name, self._delivered[target], owner))
            self._delivered[target] = owner
        digest = hashlib.sha256()
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _move(file, target)
        except OSError as error:
            raise Refusal(_unwritable(target, error)) from error
        return target, digest.hexdigest()


def recorded_variant(wheel: Path) -> str | None:
    """Return the variant that the record of a wheel names; None where there is no such record."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(f".dist-info/extra_metadata/{RECORD_NAME}") and name.count("/") == 2:  # noqa: PLR2004
                found = json.loads(archive.read(name)).get("variant")
                return found if isinstance(found, str) else None
    return None


def _move(file: Path, target: Path) -> None:
    """Put a file in the place of another in one step, also from another file system."""
    try:
        file.replace(target)
    except OSError:
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            shutil.copyfile(file, draft)
            draft.replace(target)
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise


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
