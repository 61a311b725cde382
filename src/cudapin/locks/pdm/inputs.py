"""The inputs that a `pdm.lock` made with `tool.pdm.resolution.lock_inputs` records instead of a hash of them.

Written against `pdm.project.lockfile.freshness` of pdm 2.29: requirements stand there without their specifiers,
addresses and what has one only as SHA-256. Whether the pins satisfy the specifiers is judged by `specifiers`.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from cudapin.core.locate import find_line
from cudapin.core.markers import MarkerError, parse_marker, render_marker
from cudapin.core.names import normalise
from cudapin.errors import Code, Problem, Where
from cudapin.locks.direct import parse_requirement
from cudapin.locks.pdm.hash import is_workspace, tool_pdm
from cudapin.locks.pdm.lock import PDM_LOCK
from cudapin.locks.pdm.package import name_of_line
from cudapin.locks.pdm.requires import all_groups, group_requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cudapin.core.lock import Pyproject
    from cudapin.locks.pdm.lock import PdmLock

__all__ = ["judge_inputs"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]+")
_DYNAMIC = frozenset({"dependencies", "optional-dependencies", "requires-python", "version"})
_OPAQUE = "url-sha256:"


def judge_inputs(lock: PdmLock, root: Pyproject, members: Mapping[str, Pyproject]) -> list[Problem]:
    """Return a problem for each recorded input that is another one now; raise ValueError where nothing tells."""
    recorded = lock.metadata.get("lock_inputs")
    wanted: dict[str, Any] = {"project": _inputs(root, members, root)}
    if members:
        wanted["workspace"] = {path: _inputs(item, {}, root, is_member=True) for path, item in members.items()}
    projects: dict[tuple[str, ...], Pyproject] = {("project",): root}
    projects |= {("workspace", path): item for path, item in members.items()}
    return [
        _problem(lock, path, expected, found, projects) for path, expected, found in _differences((), wanted, recorded)
    ]


def _inputs(
    project: Pyproject, members: Mapping[str, Pyproject], root: Pyproject, *, is_member: bool = False
) -> dict[str, Any]:
    """Return what pdm would record of one project."""
    settings, table = tool_pdm(project), _table(project.table, "project")
    resolution = dict(_table(settings, "resolution"))
    resolution.pop("lock_inputs", None)
    sources = settings.get("source", [])
    groups = {name: [_text(line) for line in group_requirements(project, [name])] for name in all_groups(project)}
    if members and is_workspace(root):
        declared = {name_of_line(line) for line in group_requirements(project, sorted(all_groups(project)))}
        groups["default"] += [
            line for path in sorted(members) for line in _implied(members[path], path, root, declared)
        ]
    result: dict[str, Any] = {
        "groups": {name: Counter(lines) for name, lines in groups.items()},
        "requires-python": _clauses(table.get("requires-python", "")),
        "resolution": _sanitised(resolution),
        "sources": [_source(item) for item in sources if isinstance(item, dict)] if isinstance(sources, list) else [],
    }
    if is_member:
        dynamic = sorted(str(item) for item in table.get("dynamic", []))
        result["package"] = {
            "build-system": _sanitised(project.table.get("build-system", {})),
            "distribution": _is_distribution(project),
            "dynamic": dynamic,
            "name": table.get("name", ""),
            "version": table.get("version", ""),
        }
        if _DYNAMIC.intersection(dynamic):
            result["volatile"] = False  # pdm never calls such a lock fresh
    return result


def _text(line: str) -> str:
    """Return a requirement as pdm records it; raise ValueError for one whose record depends on files."""
    requirement = parse_requirement(line)
    if requirement is None:
        message = f"what pdm records of `{line}` depends on files beside it"
        raise ValueError(message)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    name = _NOT_ALPHANUMERIC.sub("-", requirement.name) + extras
    marker = "" if requirement.marker is None else f"; {_canonical(str(requirement.marker))}"
    if requirement.url is None:
        return name + marker
    if requirement.url.startswith("file:") or "{" in requirement.url or marker or "#" in requirement.url:
        message = f"what pdm records of `{requirement.name}` depends on its own reading of an address"
        raise ValueError(message)
    return _fingerprint(f"{name} @ {requirement.url}", _OPAQUE)


def _implied(member: Pyproject, path: str, root: Pyproject, declared: set[str | None]) -> Iterator[str]:
    """Yield the editable requirement on a member that pdm adds to the root of a workspace."""
    name = _table(member.table, "project").get("name")
    if not isinstance(name, str) or not _is_distribution(member) or normalise(name) in declared:
        return
    backend = _table(root.table, "build-system").get("build-backend")
    if backend in ("setuptools.build_meta", "flit_core.buildapi"):
        raise ValueError("with this build backend pdm records the absolute path of the workspace")
    base = "{root:uri}" if backend == "hatchling.build" else "file:///${PROJECT_ROOT}"
    yield _fingerprint(f"-e {base}/{path}#egg={_NOT_ALPHANUMERIC.sub('-', name)}", _OPAQUE)


def _differences(
    path: tuple[str, ...],
    wanted: Any,  # noqa: ANN401
    found: Any,  # noqa: ANN401
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield each place where the recorded inputs are not the wanted ones."""
    if path[-1:] == ("requires-python",):
        if not isinstance(found, str) or _clauses(found) != wanted:
            yield path, ",".join(sorted(wanted)), found
    elif isinstance(wanted, Counter):
        texts = [_recorded(item) for item in found] if isinstance(found, list) else [str(found)]
        if Counter(texts) != wanted:
            yield path, sorted(wanted.elements()), found
    elif isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}):
            if key not in wanted or key not in found:
                yield (*path, key), wanted.get(key), found.get(key)
            else:
                yield from _differences((*path, key), wanted[key], found[key])
    elif wanted != found:
        yield path, wanted, found


def _problem(
    lock: PdmLock,
    path: tuple[str, ...],
    wanted: object,
    found: object,
    projects: Mapping[tuple[str, ...], Pyproject],
) -> Problem:
    project = projects.get(path[:1]) or projects.get(path[:2]) or projects[("project",)]
    line = lock.line_of("metadata", "lock_inputs", *path)
    place = lock.source.path if line is None else f"{lock.source.path}:{line}"
    keys = {
        "groups": ("project",),
        "requires-python": ("project", "requires-python"),
        "resolution": ("tool", "pdm", "resolution"),
        "sources": ("tool", "pdm", "source"),
    }
    part = next((part for part in path if part in keys), "")
    key = keys.get(part, ("project",))
    shown = ".".join(path[1:]) or "lock_inputs"
    return Problem(
        code=Code.CP201,
        what=f"`{lock.source.path}` was made from other inputs: `{shown}`",
        where=Where(path=project.source.path, line=find_line(project.source.text, *key), key=".".join(key)),
        why=f"wanted {_shown(wanted)}, the lock has {_shown(found)} at {place}",
        fix=PDM_LOCK,
    )


def _shown(value: object) -> str:
    if value is None or value == "":
        return "nothing"
    texts = [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return ", ".join(f"`{text[:120]}`" for text in texts) or "nothing"


def _recorded(item: object) -> str:
    """Return a recorded requirement with its marker in the form that ours have."""
    name, semicolon, marker = str(item).partition(";")
    return f"{name}; {_canonical(marker)}" if semicolon else str(item)


def _canonical(marker: str) -> str:
    try:
        return render_marker(parse_marker(marker))
    except MarkerError as error:
        raise ValueError(str(error)) from error


def _source(item: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in item.items() if key not in ("username", "password")}
    if result.get("url"):
        result["url"] = _fingerprint(str(result["url"]))
    for key in ("include_packages", "exclude_packages"):
        if isinstance(result.get(key), list):
            result[key] = sorted(result[key], key=str)
    sanitised: dict[str, Any] = _sanitised(result)
    return sanitised


def _sanitised(value: Any) -> Any:  # noqa: ANN401
    """Return a value with each text that holds an address replaced by its fingerprint, and times as texts."""
    if isinstance(value, dict):
        return {key: _sanitised(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_sanitised(item) for item in value]
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    return _fingerprint(value) if isinstance(value, str) and _URL.search(value) else value


def _is_distribution(project: Pyproject) -> bool:
    settings = tool_pdm(project)
    if not _table(project.table, "project").get("name"):
        return False
    if "package-type" in settings:
        return bool(settings["package-type"] == "library")
    return bool(settings.get("distribution", True))


def _fingerprint(text: str, prefix: str = "sha256:") -> str:
    return prefix + hashlib.sha256(text.encode()).hexdigest()


def _clauses(specifier: object) -> frozenset[str]:
    parts = (part.replace(" ", "") for part in str(specifier).split(","))
    return frozenset(part for part in parts if part)


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}
