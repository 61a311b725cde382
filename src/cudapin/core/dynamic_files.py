"""Dynamic dependencies whose source is a plain file: what a build would read there, told without running any code.

Two backends read requirements from files that `pyproject.toml` names: setuptools (`[tool.setuptools.dynamic]`, `file`)
and hatchling with the plugin hatch-requirements-txt. Whatever could change the result by code of its own, such as a
`setup.py` or another metadata hook, leaves the fields unknown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cudapin.core.lock import Pyproject

__all__ = ["with_dynamic_files"]

_FIELDS = ("dependencies", "optional-dependencies")
_HARMLESS_HOOKS = frozenset({"cudapin", "fancy-pypi-readme", "requirements_txt", "vcs"})
"""Metadata hooks of hatchling that leave the dependencies alone, and the one that reads them."""


class _UntoldError(ValueError):
    """The fields cannot be told without a build."""


def with_dynamic_files(pyproject: Pyproject, read: Callable[[str], str | None]) -> Pyproject:
    """Return the project with its dynamic dependencies filled in; as it is where they cannot be told.

    `read` gives the text of a file by its path relative to the project, None where there is none.
    """
    project = _table(pyproject.table, "project")
    dynamic = project.get("dynamic")
    fields = [field for field in _FIELDS if isinstance(dynamic, list) and field in dynamic]
    if not fields:
        return pyproject
    try:
        sources = _sources(pyproject.table, read)
        filled = {field: _fill(sources[field], str(project.get("name", "")), read) for field in fields}
    except (_UntoldError, KeyError):
        return pyproject
    rest = [field for field in dynamic or () if field not in fields]
    return replace(pyproject, table={**pyproject.table, "project": {**project, "dynamic": rest, **filled}})


def _sources(table: Mapping[str, Any], read: Callable[[str], str | None]) -> dict[str, Any]:
    """Return the file or files of each field, by extra for the optional ones, as far as they are named."""
    build = _table(table, "build-system")
    backend = build.get("build-backend", "setuptools.build_meta:__legacy__")
    if "backend-path" in build:
        raise _UntoldError
    tool = _table(table, "tool")
    if backend in ("setuptools.build_meta", "setuptools.build_meta:__legacy__"):
        if read("setup.py") is not None:
            raise _UntoldError
        return _of_setuptools(_table(_table(tool, "setuptools"), "dynamic"))
    if backend in ("hatchling.build", "cudapin.build"):
        hooks = _table(_table(_table(tool, "hatch"), "metadata"), "hooks")
        if read("hatch.toml") is not None or hooks.keys() - _HARMLESS_HOOKS:
            raise _UntoldError
        hook = _table(hooks, "requirements_txt")
        given = {"dependencies": hook.get("files"), "optional-dependencies": hook.get("optional-dependencies")}
        return {field: value for field, value in given.items() if value is not None}
    raise _UntoldError


def _of_setuptools(dynamic: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "dependencies" in dynamic:
        found["dependencies"] = _file_of(dynamic["dependencies"])
    if "optional-dependencies" in dynamic:
        extras = _table(dynamic, "optional-dependencies")
        found["optional-dependencies"] = {extra: _file_of(value) for extra, value in extras.items()}
    return found


def _file_of(value: object) -> object:
    """Return the `file` of a directive of setuptools; any other kind runs code."""
    if not isinstance(value, dict) or value.keys() != {"file"}:
        raise _UntoldError
    return value["file"]


def _fill(source: object, project: str, read: Callable[[str], str | None]) -> object:
    if isinstance(source, dict):
        return {extra: _requirements(files, project, read) for extra, files in source.items()}
    return _requirements(source, project, read)


def _requirements(files: object, project: str, read: Callable[[str], str | None]) -> list[str]:
    """Return the requirements of one file or several.

    A line of another kind is for pip alone. A requirement on the project itself is one that backends spell out.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for path in [files] if isinstance(files, str) else files if isinstance(files, list) else [None]:
        text = read(path) if isinstance(path, str) else None
        if text is None:
            raise _UntoldError
        for line in _lines(text):
            try:
                name = Requirement(line).name
            except (InvalidRequirement, ValueError, RecursionError) as error:
                raise _UntoldError from error
            if normalise(name) == normalise(project):
                raise _UntoldError
            found.append(line)
    return found


def _lines(text: str) -> list[str]:
    r"""Return the lines of a requirements file without comments, those that end in a backslash joined to the next."""
    found: list[str] = []
    pending = ""
    for raw in text.split("\n"):
        line = "" if raw.strip().startswith("#") else raw.partition(" #")[0].strip()
        if line.endswith("\\"):
            pending += line[:-1].strip() + " "
        elif pending or line:
            found.append((pending + line).strip())
            pending = ""
    return found if not pending else [*found, pending.strip()]


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
