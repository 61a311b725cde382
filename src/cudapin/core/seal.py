"""`cudapin.seal.json`: what an sdist carries so that its lock can be judged again without anything outside it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cudapin.core.config import Waiver
from cudapin.core.index import strip_all_credentials
from cudapin.core.lock import Pyproject, Source, UvInputs
from cudapin.errors import Code, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SEAL_NAME", "Seal", "parse_seal", "render_seal", "sealed_path"]

SEAL_NAME = "cudapin.seal.json"
_SCHEMA = 1
_JUDGED = ("project", "dependency-groups", "build-system")


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """A file that counted: where it lies in the sdist, or None where only its digest is kept."""

    path: str | None
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """The inputs of the verdict that lay outside the project, digests of its files, and the waivers of the sdist."""

    files: Mapping[str, SealedFile] = field(default_factory=dict)
    uv: UvInputs | None = None
    waived: tuple[Waiver, ...] = ()


def sealed_path(path: str, sha256: str) -> str:
    """Return where a file goes in the sdist: its own place if it lies in the project, else `cudapin-lock/…`."""
    outside = path.startswith(("../", "/")) or path[1:3] == ":/"
    return f"cudapin-lock/{sha256[:12]}-{path.rsplit('/', 1)[-1]}" if outside else path


def render_seal(seal: Seal) -> str:
    """Return the JSON text of a seal; equal seals give equal bytes."""
    document: dict[str, Any] = {
        "schema": _SCHEMA,
        "files": {path: {"path": file.path, "sha256": file.sha256} for path, file in seal.files.items()},
        "uv": None if seal.uv is None else _uv_object(seal.uv),
        "waived": [
            {"code": waiver.code.name, "package": waiver.package, "reason": waiver.reason, "variant": waiver.variant}
            for waiver in seal.waived
        ],
    }
    return strip_all_credentials(json.dumps(document, indent=1, sort_keys=True, default=str)) + "\n"


def parse_seal(source: Source, own: Pyproject) -> Seal:
    """Read a seal; `own` is the project's `pyproject.toml` in the sdist. Raises LockError for anything else."""
    try:
        document = json.loads(source.text)
        if document["schema"] != _SCHEMA:
            message = f"schema {document['schema']!r}"
            raise ValueError(message)  # noqa: TRY301
        uv = document["uv"]
        return Seal(
            files={
                str(path): SealedFile(path=_inside(file["path"]), sha256=str(file["sha256"]))
                for path, file in document["files"].items()
            },
            uv=None if uv is None else _uv_inputs(uv, own),
            waived=tuple(
                Waiver(
                    code=Code[waiver["code"]],
                    reason=str(waiver["reason"]),
                    variant=_text(waiver["variant"]),
                    package=_text(waiver["package"]),
                )
                for waiver in document["waived"]
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LockError(
            Problem(
                code=Code.CP205,
                what=f"`{SEAL_NAME}` of this sdist cannot be read",
                where=Where(path=source.path),
                why=f"wanted a seal of schema {_SCHEMA}, found {type(error).__name__}: {error}",
                fix="build from the project's repository, or from an untouched sdist",
            )
        ) from error


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    message = f"`{value!r}` is no text"
    raise TypeError(message)


def _table(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    message = f"`{value!r}` is no table"
    raise TypeError(message)


def _inside(value: object) -> str | None:
    """Return a path within the sdist: nothing above its root is ever read."""
    path = _text(value)
    if path is not None and (path.startswith("/") or "\\" in path or ":" in path or ".." in path.split("/")):
        message = f"`{path}` is no path within the sdist"
        raise ValueError(message)
    return path


def _uv_object(inputs: UvInputs) -> dict[str, Any]:
    members = [_member_object(member) for member in inputs.members if member.directory != inputs.project]
    own = [index for index, member in enumerate(inputs.members) if member.directory == inputs.project]
    return {
        "members": members,
        "own": own[0] if own else 0,
        "path_dependencies": [_member_object(member) for member in inputs.path_dependencies],
        "path_workspaces": [[_member_object(member) for member in members] for members in inputs.path_workspaces],
        "place": inputs.place,
        "project": inputs.project,
        "settings": dict(inputs.settings),
        "settings_path": inputs.settings_path,
    }


def _member_object(member: Pyproject) -> dict[str, Any]:
    return {"directory": member.directory, "path": member.source.path, "table": _judged(member.table)}


def _judged(table: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the parts of a member's `pyproject.toml` that count for a verdict."""
    kept: dict[str, Any] = {key: table[key] for key in _JUDGED if key in table}
    tool = table.get("tool")
    uv = tool.get("uv") if isinstance(tool, dict) else None
    if uv is not None:
        kept["tool"] = {"uv": uv}
    return kept


def _uv_inputs(document: Mapping[str, Any], own: Pyproject) -> UvInputs:
    members = [_member(member) for member in document["members"]]
    project = str(document["project"])
    members.insert(int(document["own"]), Pyproject(source=own.source, table=own.table, directory=project))
    return UvInputs(
        members=tuple(members),
        settings=_table(document["settings"]),
        settings_path=_text(document["settings_path"]),
        project=project,
        path_dependencies=tuple(_member(member) for member in document["path_dependencies"]),
        path_workspaces=tuple(
            tuple(_member(member) for member in members) for members in document.get("path_workspaces", ())
        ),
        place=str(document.get("place", "")),
    )


def _member(document: Mapping[str, Any]) -> Pyproject:
    return Pyproject(
        source=Source(path=str(document["path"]), text=""),
        table=_table(document["table"]),
        directory=str(document["directory"]),
    )
