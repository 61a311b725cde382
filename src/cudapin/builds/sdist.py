"""The seal of an sdist, and the files that it has to carry."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cudapin.adapters.derived import find_source
from cudapin.adapters.lockfile import uv_inputs
from cudapin.adapters.project import digest
from cudapin.adapters.workspace import read_input
from cudapin.core.seal import Seal, SealedFile, sealed_path
from cudapin.errors import LockError
from cudapin.locks.pylock.lock import Pylock
from cudapin.locks.requirements.command import input_paths
from cudapin.locks.requirements.lock import RequirementsLock

if TYPE_CHECKING:
    from cudapin.builds.judgement import Judgement
    from cudapin.core.lock import Lock
    from cudapin.gate import Gate

__all__ = ["seal_sdist"]


def seal_sdist(gate: Gate, judgement: Judgement) -> tuple[Seal, dict[str, str]]:
    """Return the seal of an sdist, and the files that it has to carry: path on disk -> path in the sdist."""
    todo, paths = list(gate.lock_users()), list[str]()
    inputs = None
    while todo:
        path = todo.pop(0)
        if path in paths:
            continue
        paths.append(path)
        lock = _read(gate, path)
        if lock is None:
            continue
        if (found := find_source(gate.project, lock.source)) is not None:
            todo.append(found[1])
        elif isinstance(lock, (RequirementsLock, Pylock)):
            paths += input_paths(lock.inputs, partial(read_input, gate.project))
        else:
            inputs = uv_inputs(gate.project, lock) or inputs
    files: dict[str, SealedFile] = {}
    carried: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        file = gate.project.locate(path).resolve()
        if file.is_file():
            sha256 = digest(file)
            target = sealed_path(path, sha256)
            files[path] = SealedFile(path=target, sha256=sha256)
            carried[str(file)] = target
    seal = Seal(
        files=files,
        uv=inputs,
        waived=tuple(dict.fromkeys(waiver for _, waiver in judgement.accepted if waiver not in gate.config.allow)),
    )
    return seal, carried


def _read(gate: Gate, path: str) -> Lock | None:
    """Return a lock file, None for one that is missing or cannot be read: a waiver may have let it pass."""
    try:
        return gate.lock(path)
    except LockError:
        return None
