"""What lies around a project and counts for it: its repository, its uv workspace, and what uv reads there."""

from __future__ import annotations

import os
import posixpath
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cudapin.adapters.files import exists, glob, is_file
from cudapin.adapters.project import parse_toml, read_project, read_pyproject, read_text
from cudapin.core.lock import Pyproject, Source, UvInputs
from cudapin.errors import Code, LockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.adapters.project import Project

__all__ = [
    "filled_dynamic",
    "find_members",
    "find_repository",
    "find_uv_lock",
    "find_workspace_root",
    "read_input",
    "read_uv_inputs",
]


def read_uv_inputs(project: Project, directories: Iterable[str] = ()) -> UvInputs:
    """Return what uv reads beside the lock: workspace, members, settings, and projects that are path dependencies.

    `directories` are those of all local projects in the lock, relative to it. In an unpacked sdist everything comes
    from its seal.
    """
    if project.seal is not None and (sealed := project.seal.uv) is not None:
        own = (filled_dynamic(m, project.root) if m.directory == sealed.project else m for m in sealed.members)
        return replace(sealed, members=tuple(own))
    root = find_workspace_root(project)
    members = tuple(filled_dynamic(member, root / member.directory) for member in _members(project, root))
    settings, settings_path = _settings(project, root)
    known = {(root / member.directory).resolve() for member in members}
    names = dict.fromkeys(posixpath.normpath(directory) for directory in directories)
    found = _path_dependencies(project, root, [d for d in names if (root / d).resolve() not in known])
    others = tuple(filled_dynamic(other, root / other.directory) for other in found)
    workspaces = tuple(_path_workspaces(project, root, others))
    places = [member.directory for members in (others, *workspaces) for member in members]
    climbs = max((place.split("/").count("..") for place in places), default=0)
    return UvInputs(
        members=members,
        settings=settings,
        settings_path=settings_path,
        project=Path(os.path.relpath(project.root, root)).as_posix(),
        path_dependencies=others,
        path_workspaces=workspaces,
        place="/".join(root.resolve().parts[1:][-climbs:]) if climbs else "",
    )


def filled_dynamic(pyproject: Pyproject, directory: Path) -> Pyproject:
    """Fill in the dynamic dependencies that stand in files; hardly any project has some, so little is loaded."""
    table = pyproject.table.get("project")
    if not isinstance(table, dict) or not table.get("dynamic"):
        return pyproject
    from cudapin.adapters.dynamic import fill_dynamic

    return fill_dynamic(pyproject, directory)


def find_members(root: Path) -> list[Path]:
    """Return the projects that a check at `root` is about: every member of the uv workspace whose root it is."""
    project = read_project(root)
    workspace = _uv_table(project.pyproject.table).get("workspace")
    members = _member_directories(root, workspace) if isinstance(workspace, dict) else []
    own = [root] if "project" in project.pyproject.table or not members else []
    return [*own, *(member for member in members if member != root)]


def find_uv_lock(project: Project) -> str:
    """Return the path, as shown in messages, of the `uv.lock` that uv would use: the workspace root's."""
    if project.seal is not None:
        carried = [path for path in project.seal.files if path.rsplit("/", 1)[-1] == "uv.lock"]
        if carried:
            return carried[0]
    return project.shown(find_workspace_root(project) / "uv.lock")


def find_workspace_root(project: Project) -> Path:
    """Return the directory of the uv workspace the project belongs to, else its own.

    The nearest `pyproject.toml` above decides, as in uv: it has a `[tool.uv.workspace]` that takes the project in,
    or the project stands alone.
    """
    if project.is_sdist or "workspace" in _uv_table(project.pyproject.table):
        return project.root
    return _workspace_above(project, project.root) or project.root


def _workspace_above(project: Project, start: Path) -> Path | None:
    """Return the directory of the workspace above that takes a directory in, or None."""
    for directory in start.parents:
        if not is_file(directory / "pyproject.toml"):
            continue
        above = project.pyproject if directory == project.root else _read_toml(project, directory)
        workspace = _uv_table(above.table).get("workspace")
        is_member = isinstance(workspace, dict) and start in _member_directories(directory, workspace)
        return directory if is_member else None
    return None


def _members(project: Project, root: Path) -> Iterator[Pyproject]:
    if root == project.root:
        first = project.pyproject
    else:
        first = read_pyproject(root / "pyproject.toml", project.shown(root / "pyproject.toml"), ".")
    yield first
    workspace = _uv_table(first.table).get("workspace")
    if project.is_sdist or not isinstance(workspace, dict):
        return
    for directory in _member_directories(root, workspace):
        if directory != root:
            name = Path(os.path.relpath(directory, root)).as_posix()
            member = directory / "pyproject.toml"
            if directory == project.root:
                yield Pyproject(source=project.pyproject.source, table=project.pyproject.table, directory=name)
            else:
                yield read_pyproject(member, project.shown(member), name)


def _path_dependencies(project: Project, root: Path, directories: Iterable[str]) -> Iterator[Pyproject]:
    for name in directories:
        file = root / name / "pyproject.toml"
        inside = not project.is_sdist or file.resolve().is_relative_to(project.root.resolve())
        if inside and is_file(file):
            yield read_pyproject(file, project.shown(file), posixpath.normpath(name))


def _path_workspaces(project: Project, root: Path, others: Iterable[Pyproject]) -> Iterator[tuple[Pyproject, ...]]:
    """Yield each workspace that a path dependency belongs to, its root first."""
    seen: dict[Path, list[Path]] = {}
    for other in () if project.is_sdist else others:
        directory = Path(os.path.normpath(root / other.directory))
        if any(directory in members for members in seen.values()):
            continue
        home = directory if "workspace" in _uv_table(other.table) else _workspace_above(project, directory)
        if home is not None and home != root:
            workspace = _uv_table(_read_toml(project, home).table).get("workspace")
            members = _member_directories(home, workspace) if isinstance(workspace, dict) else []
            seen[home] = list(dict.fromkeys((home, *members)))
            yield tuple(_read_toml(project, place, root) for place in seen[home])


def _read_toml(project: Project, directory: Path, root: Path | None = None) -> Pyproject:
    file = directory / "pyproject.toml"
    name = "." if root is None else Path(os.path.relpath(directory, root)).as_posix()
    return read_pyproject(file, project.shown(file), name)


def _member_directories(root: Path, workspace: dict[str, Any]) -> list[Path]:
    """Return the directories that `members` takes in and `exclude` does not, sorted."""

    def matches(key: str) -> set[Path]:
        patterns = workspace.get(key)
        found: set[Path] = set()
        for pattern in patterns if isinstance(patterns, list) else []:
            if isinstance(pattern, str):
                found.update(_glob(root, pattern))
        return found

    excluded = matches("exclude")
    directories = {path for path in matches("members") if is_file(path / "pyproject.toml")}
    return sorted(path for path in directories if path not in excluded and not excluded.intersection(path.parents))


def _glob(root: Path, pattern: str) -> Iterator[Path]:
    """Yield what a pattern of uv matches; nothing for one that cannot be a pattern here."""
    pattern = pattern.rstrip("/").removeprefix("./")
    if pattern in ("", "."):
        yield root
        return
    try:
        for path in glob(root, pattern):
            yield Path(os.path.normpath(path))
    except (ValueError, IndexError, NotImplementedError, OSError):
        return


def _settings(project: Project, root: Path) -> tuple[dict[str, Any], str | None]:
    """Return the uv settings that count: of the nearest directory with a `uv.toml` or a `[tool.uv]`."""
    for directory in (root,) if project.is_sdist else (root, *root.parents):
        file = directory / "uv.toml"
        if is_file(file):
            shown = project.shown(file)
            return parse_toml(read_text(file, shown, LockError, Code.CP205), shown, LockError), shown
        file = directory / "pyproject.toml"
        if is_file(file):
            table = project.pyproject if directory == project.root else read_pyproject(file, project.shown(file), ".")
            if _has_uv_table(table.table):  # also an empty one ends uv's search
                return _uv_table(table.table), table.source.path
    return {}, None


def _has_uv_table(table: Mapping[str, Any]) -> bool:
    tool = table.get("tool")
    return isinstance(tool, dict) and isinstance(tool.get("uv"), dict)


def _uv_table(table: Any) -> dict[str, Any]:  # noqa: ANN401
    tool = table.get("tool")
    uv = tool.get("uv") if isinstance(tool, dict) else None
    return uv if isinstance(uv, dict) else {}


def read_input(project: Project, path: str) -> Source | None:
    """Return the text of a file that a lock says it was made from, or None where it is missing or none of ours.

    A lock can name any path; only files of the repository or workspace are read, and later carried by an sdist.
    """
    if not project.is_sdist:
        home = find_repository(project)
        if not (project.root / path).resolve().is_relative_to(home):
            return None
    return project.read(path)


def find_repository(project: Project) -> Path:
    """Return the directory of the repository, else of the uv workspace, that the project lies in, else its own."""
    root = project.root.resolve()
    for directory in (root, *root.parents):
        if exists(directory / ".git"):
            return directory
    return find_workspace_root(project).resolve()
