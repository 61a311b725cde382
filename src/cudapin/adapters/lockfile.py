"""Finds a project's lock file and reads it with the parser of its format."""

from __future__ import annotations

import shlex
from functools import partial
from typing import TYPE_CHECKING

from cudapin.adapters.project import find_uv_lock, read_input, read_uv_inputs
from cudapin.core.fields import name_list
from cudapin.errors import Code, ConfigError, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cudapin.adapters.project import Project
    from cudapin.core.config import Variant
    from cudapin.core.lock import Lock, LockVerdict, UvInputs

__all__ = ["find_lock", "judge_lock", "read_lock", "uv_inputs"]

_CANDIDATES = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "requirements.lock", "requirements.txt")
_NOT_JUDGED = {
    "pylock": "pylock.toml (PEP 751)",
    "poetry": "poetry.lock",
    "pdm": "pdm.lock",
    "Pipfile": "Pipfile.lock",
    "conda-lock": "conda-lock.yml",
    "pixi": "pixi.lock",
}


def find_lock(project: Project) -> str:
    """Return the path of the only independent lock file beside `pyproject.toml`, else of the workspace's `uv.lock`.

    Raises ConfigError where several compete. A path is returned also where no file exists: the one uv would make.
    """
    uv_lock = find_uv_lock(project)
    found = [name for name in _CANDIDATES[1:] if project.locate(name).is_file() and _competes(project, name)]
    if project.locate(uv_lock).is_file() and (not found or uv_lock == _CANDIDATES[0]):
        found.insert(0, uv_lock)
    if len(found) > 1:
        raise ConfigError(
            Problem(
                code=Code.CP114,
                what="several lock files compete, and none is named",
                where=Where(path=project.pyproject.source.path, key="tool.cudapin.lock"),
                why=f"found {name_list(found)}",
                fix=f'add `lock = "{found[0]}"` to `[tool.cudapin]`',
            )
        )
    return found[0] if found else uv_lock


def read_lock(project: Project, path: str) -> Lock:
    """Return the parsed lock file. Raises LockError where it is missing, unreadable or of a format not judged."""
    source = project.read(path)
    if source is None:
        raise LockError(
            Problem(
                code=Code.CP202,
                what=f"there is no lock file `{path}`",
                where=Where(path=path),
                why="wanted a lock file to build from, found none",
                fix="build from the project's repository, or with `CUDAPIN=off`"
                if project.is_sdist
                else _how_to_make(path),
            )
        )
    name = path.rsplit("/", 1)[-1]
    if name == "uv.lock":
        from cudapin.locks.uv import parse_uv_lock

        return parse_uv_lock(source)
    stem = name.split(".", 1)[0]
    if stem in _NOT_JUDGED and not name.endswith((".txt", ".in")):
        raise LockError(
            Problem(
                code=Code.CP206,
                what=f"whether `{path}` is fresh cannot be told",
                where=Where(path=path),
                why=f"{_NOT_JUDGED[stem]} is not judged by this version of cudapin, which reads uv.lock and "
                "hashed requirements",
                fix=f'{_how_to_make("uv.lock")}, and add `lock = "uv.lock"` to `[tool.cudapin]`',
            )
        )
    from cudapin.locks.requirements import parse_requirements

    tool = project.pyproject.table.get("tool")
    return parse_requirements(source, tool.get("uv") if isinstance(tool, dict) else None)


def judge_lock(project: Project, lock: Lock, users: Sequence[Variant], environment: Mapping[str, str]) -> LockVerdict:
    """Judge a lock file by the rule of its format; `users` are the variants that take their packages from it."""
    if lock.format == "uv":
        from cudapin.locks.uv import UvLock
        from cudapin.locks.uv_fresh import judge_uv

        if isinstance(lock, UvLock) and (inputs := uv_inputs(project, lock)) is not None:
            return judge_uv(lock, inputs)
    from cudapin.locks.requirements import RequirementsLock
    from cudapin.locks.requirements_fresh import judge_requirements

    if isinstance(lock, RequirementsLock):
        return judge_requirements(lock, project.pyproject, users, partial(read_input, project), environment)
    raise TypeError(lock.format)


def uv_inputs(project: Project, lock: Lock) -> UvInputs | None:
    """Return what uv reads beside a `uv.lock`; None for a lock of another format."""
    from cudapin.locks.uv import UvLock
    from cudapin.locks.uv_fresh import path_dependencies

    return read_uv_inputs(project, path_dependencies(lock)) if isinstance(lock, UvLock) else None


def _competes(project: Project, name: str) -> bool:
    """Tell whether a file is a lock of its own: not derived from another, and for `requirements.txt`, hashed."""
    from cudapin.locks.requirements import is_derived

    source = project.read(name)
    if source is None:
        return False
    head = source.text[:2000]
    if is_derived(head) or "uv export" in head:
        return False
    return name != "requirements.txt" or "--hash=" in source.text


def _how_to_make(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    if name == "uv.lock":
        return "uv lock"
    return f"uv pip compile pyproject.toml --universal --generate-hashes -o {shlex.quote(path)}"
