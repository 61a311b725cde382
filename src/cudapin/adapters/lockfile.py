"""Finds a project's lock file and reads it with the parser of its format."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from cudapin.adapters.files import exists, glob, is_file
from cudapin.adapters.workspace import filled_dynamic, find_uv_lock, read_input, read_uv_inputs
from cudapin.core.fields import name_list
from cudapin.errors import Code, ConfigError, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cudapin.adapters.project import Project
    from cudapin.core.config import Variant
    from cudapin.core.lock import Lock, LockVerdict, Source, UvInputs

__all__ = ["find_lock", "judge_lock", "parse_lock", "read_lock", "uv_inputs"]

_CANDIDATES = ("uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "requirements.lock", "requirements.txt")
_NOT_JUDGED = {
    "Pipfile": "it is made from `Pipfile`, not from `pyproject.toml`",
    "conda-lock": "only conda-lock itself knows what its content hash covers",
    "pixi": "it records no digest of what it was made from",
}
_PIN = re.compile(r"^[A-Za-z0-9][\w.-]*(?:\[[^\]\n]*\])? *(?:===? *[0-9]|@ )|--hash=", re.MULTILINE)
"""What at least one line of compiled requirements holds."""
_COMMANDS = {
    "uv.lock": "uv lock",
    "poetry.lock": "poetry lock",
    "pdm.lock": "pdm lock",
    "pylock.toml": "uv pip compile pyproject.toml --universal -o pylock.toml",
}


def find_lock(project: Project) -> str:
    """Return the path of the only independent lock file beside `pyproject.toml`, else of the workspace's `uv.lock`.

    Raises ConfigError where several compete. A path is returned also where no file exists: the one uv would make.
    """
    uv_lock = find_uv_lock(project)
    found = [name for name in _CANDIDATES[1:] if is_file(project.locate(name)) and _competes(project, name)]
    if is_file(project.locate(uv_lock)) and (not found or uv_lock == _CANDIDATES[0]):
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
    return found[0] if found else _expected_lock(project) or uv_lock


def _expected_lock(project: Project) -> str | None:
    """Return the lock file that the project's own tool would make; None where nothing says which tool that is."""
    tool = project.pyproject.table.get("tool")
    names = tool if isinstance(tool, dict) else {}
    if "uv" in names:
        return None
    return next((f"{name}.lock" for name in ("poetry", "pdm") if name in names), None)


def read_lock(project: Project, path: str) -> Lock:
    """Return the parsed lock file. Raises LockError where it is missing, unreadable or of a format not judged."""
    source = project.read(path)
    if source is None:
        raise LockError(_missing(project, path))
    return parse_lock(path.rsplit("/", 1)[-1], source, project)


def _missing(project: Project, path: str) -> Problem:
    """Say that there is no lock file of that name, and what to do: make it, or write the name of one that is there."""
    if exists(project.locate(path)):
        what, why = f"`{path}` is no file", "wanted a lock file, found a directory or the like"
        return Problem(code=Code.CP205, what=what, where=Where(path=path), why=why, fix=f"move `{path}` away")
    import difflib

    fix = _how_to_make(path)
    there = [name for name in _CANDIDATES if is_file(project.locate(name))]
    if similar := difflib.get_close_matches(path, there, n=1):
        fix = f'write `lock = "{similar[0]}"`, which is there'
    if project.is_sdist:
        fix = "build from the project's repository, or with `CUDAPIN=off`"
    what, why = f"there is no lock file `{path}`", "wanted a lock file to build from, found none"
    return Problem(code=Code.CP202, what=what, where=Where(path=path), why=why, fix=fix)


def parse_lock(name: str, source: Source, project: Project) -> Lock:
    """Return a lock file parsed by the parser that its file name asks for; `read_lock` says what it raises."""
    path = source.path
    if name == "uv.lock":
        from cudapin.locks.uv.lock import parse_uv_lock

        return parse_uv_lock(source)
    if name == "poetry.lock":
        from cudapin.locks.poetry.lock import parse_poetry_lock

        return parse_poetry_lock(source, project.pyproject)
    if name == "pdm.lock":
        from cudapin.locks.pdm.lock import parse_pdm_lock

        return parse_pdm_lock(source, project.pyproject)
    if name == "pylock.toml" or (name.startswith("pylock.") and name.endswith(".toml")):
        from cudapin.locks.pylock.lock import parse_pylock

        return parse_pylock(source)
    stem = name.split(".", 1)[0]
    if stem in _NOT_JUDGED and not name.endswith((".txt", ".in")):
        raise LockError(
            Problem(
                code=Code.CP206,
                what=f"whether `{path}` is fresh cannot be told",
                where=Where(path=path),
                why=_NOT_JUDGED[stem],
                fix=f'{_how_to_make("uv.lock")}, and add `lock = "uv.lock"` to `[tool.cudapin]`',
            )
        )
    from cudapin.locks.requirements.lock import parse_requirements

    tool = project.pyproject.table.get("tool")
    try:
        return parse_requirements(source, tool.get("uv") if isinstance(tool, dict) else None)
    except LockError as error:
        if _PIN.search(source.text):
            raise
        raise LockError(_no_lock(project, path)) from error


def _no_lock(project: Project, path: str) -> Problem:
    """Say that a file that was named as a lock file is none at all, and which files of the project are."""
    there = [
        name for name in _CANDIDATES if name != path and is_file(project.locate(name)) and _competes(project, name)
    ]
    make = _how_to_make(path) if path.endswith((".txt", ".lock")) else "uv lock"
    instead = f"name a lock file of the project: {name_list(there)}" if there else make
    why = (
        "wanted a lock file of uv, poetry or pdm, a `pylock.toml`, or requirements with hashes; no line pins a version"
    )
    return Problem(code=Code.CP205, what=f"`{path}` is no lock file", where=Where(path=path), why=why, fix=instead)


def judge_lock(project: Project, lock: Lock, users: Sequence[Variant], environment: Mapping[str, str]) -> LockVerdict:
    """Judge a lock file by the rule of its format; `users` are the variants that take their packages from it."""
    if lock.format == "uv":  # nothing but uv writes it, and loading the rest would cost more than the verdict
        return _judge_independent(project, lock, users, environment)
    from cudapin.adapters.derived import find_source, judge_export_of

    if (found := find_source(project, lock.source)) is not None:
        open_lock = partial(_open_lock, project, users, environment)
        return judge_export_of(project, lock, found, users, environment, open_lock)
    return _judge_independent(project, lock, users, environment)


def _judge_independent(
    project: Project, lock: Lock, users: Sequence[Variant], environment: Mapping[str, str]
) -> LockVerdict:
    read = partial(read_input, project)
    if lock.format == "uv":
        from cudapin.locks.uv.fresh import judge_uv
        from cudapin.locks.uv.lock import UvLock

        if isinstance(lock, UvLock) and (inputs := uv_inputs(project, lock)) is not None:
            return judge_uv(lock, inputs)
    if lock.format == "poetry":
        from cudapin.locks.poetry.fresh import judge_poetry
        from cudapin.locks.poetry.lock import PoetryLock

        if isinstance(lock, PoetryLock):
            return judge_poetry(lock, project.pyproject, users, environment)
    if lock.format == "pdm":
        from cudapin.locks.pdm.fresh import judge_pdm
        from cudapin.locks.pdm.lock import PdmLock

        if isinstance(lock, PdmLock):
            find = None if project.is_sdist else partial(_find_projects, project)
            return judge_pdm(lock, project.pyproject, users, read, environment, find)
    if lock.format == "pylock":
        from cudapin.locks.pylock.fresh import judge_pylock
        from cudapin.locks.pylock.lock import Pylock

        if isinstance(lock, Pylock):
            is_hashed = lock.document.created_by == "pdm"  # its hash is of what stands in `pyproject.toml`
            own = project.pyproject if is_hashed else filled_dynamic(project.pyproject, project.root)
            return judge_pylock(lock, own, users, read, environment)
    from cudapin.locks.requirements.fresh import judge_requirements
    from cudapin.locks.requirements.lock import RequirementsLock

    if isinstance(lock, RequirementsLock):
        own = filled_dynamic(project.pyproject, project.root)
        return judge_requirements(lock, own, users, read, environment)
    raise TypeError(lock.format)


def _open_lock(
    project: Project, users: Sequence[Variant], environment: Mapping[str, str], path: str
) -> tuple[Lock, LockVerdict]:
    lock = read_lock(project, path)
    return lock, judge_lock(project, lock, users, environment)


def uv_inputs(project: Project, lock: Lock) -> UvInputs | None:
    """Return what uv reads beside a `uv.lock`; None for a lock of another format."""
    from cudapin.locks.uv.fresh import path_dependencies
    from cudapin.locks.uv.lock import UvLock

    return read_uv_inputs(project, path_dependencies(lock)) if isinstance(lock, UvLock) else None


def _find_projects(project: Project, pattern: str) -> tuple[str, ...]:
    """Return the directories with a `pyproject.toml` that a glob matches, relative to the project."""
    try:
        found = [path for path in glob(project.root, pattern) if is_file(path / "pyproject.toml")]
    except (ValueError, IndexError, NotImplementedError, OSError):
        return ()
    return tuple(sorted(project.shown(path) for path in found))


def _competes(project: Project, name: str) -> bool:
    """Tell whether a file is a lock of its own: not derived from another, and for `requirements.txt`, hashed."""
    from cudapin.adapters.derived import find_source

    source = project.read(name)
    if source is None or find_source(project, source) is not None:
        return False
    return name != "requirements.txt" or "--hash=" in source.text


def _how_to_make(path: str) -> str:
    if command := _COMMANDS.get(path.rsplit("/", 1)[-1]):
        return command
    import shlex

    return f"uv pip compile pyproject.toml --universal --generate-hashes -o {shlex.quote(path)}"
