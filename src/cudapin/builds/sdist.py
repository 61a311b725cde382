"""The seal of an sdist, and the files that it has to carry."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cudapin.adapters.lockfile import uv_inputs
from cudapin.adapters.project import digest, read_input
from cudapin.builds.judgement import is_readable
from cudapin.core.seal import Seal, SealedFile, sealed_path
from cudapin.locks.pylock import Pylock
from cudapin.locks.requirements import RequirementsLock
from cudapin.locks.requirements_command import input_paths

if TYPE_CHECKING:
    from cudapin.builds.judgement import Judgement
    from cudapin.gate import Gate

__all__ = ["seal_sdist"]


def seal_sdist(gate: Gate, judgement: Judgement) -> tuple[Seal, dict[str, str]]:
    """Return the seal of an sdist, and the files that it has to carry: path on disk -> path in the sdist."""
    paths = list(gate.lock_users())
    inputs = None
    for path in list(paths):
        lock = gate.lock(path) if path in judgement.verdicts and is_readable(judgement.verdicts[path]) else None
        if isinstance(lock, (RequirementsLock, Pylock)):
            paths += input_paths(lock.inputs, partial(read_input, gate.project))
        elif lock is not None:
            inputs = uv_inputs(gate.project, lock)
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
