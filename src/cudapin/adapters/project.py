"""The only reader of project files: finds them, and turns them into texts and tables."""

from __future__ import annotations

import hashlib
import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli

from cudapin.core.locate import find_line
from cudapin.core.lock import Pyproject, Source, UvInputs
from cudapin.errors import Code, ConfigError, CudapinError, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cudapin.core.seal import Seal

__all__ = [
    "Project",
    "digest",
    "find_members",
    "find_root",
    "find_uv_lock",
    "has_build_hook",
    "read_input",
    "read_project",
    "read_uv_inputs",
]


_TABLES = (
    ("build-system",),
    ("dependency-groups",),
    ("project",),
    ("project", "optional-dependencies"),
    ("tool",),
    ("tool", "uv"),
    ("tool", "hatch"),
    ("tool", "hatch", "build"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project directory. In an unpacked sdist nothing above `root` is read, and `seal` stands in for it."""

    root: Path
    pyproject: Pyproject
    is_sdist: bool = False
    seal: Seal | None = None

    @property
    def table(self) -> dict[str, Any]:
        """The `[tool.cudapin]` table; an empty one where there is none."""
        tool = self.pyproject.table.get("tool")
        return tool.get("cudapin", {}) if isinstance(tool, dict) else {}

    @property
    def metadata(self) -> dict[str, Any]:
        """The `[project]` table; an empty one where there is none."""
        table = self.pyproject.table.get("project")
        return table if isinstance(table, dict) else {}

    def locate(self, path: str) -> Path:
        """Return where the file that is called `path` in messages lies; in an sdist it may be a carried copy."""
        if self.seal is not None and (sealed := self.seal.files.get(path)) and sealed.path is not None:
            path = sealed.path
        if self.is_sdist and not (self.root / path).resolve().is_relative_to(self.root.resolve()):
            return self.root / "nothing-above-an-sdist-is-read" / path.rpartition("/")[2]
        return self.root / path

    def shown(self, path: Path) -> str:
        """Return the path relative to the root, with forward slashes, as messages show it."""
        return Path(os.path.relpath(path, self.root)).as_posix()

    def read(self, path: str) -> Source | None:
        """Return the text of a file by its path in messages, or None where it is missing.

        Raises LockError for one that cannot be read as UTF-8.
        """
        file = self.locate(path)
        if not file.is_file():
            return None
        return Source(path=path, text=_text(file, path, LockError, Code.CP205))


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
        if (directory / ".git").exists():
            return directory
    return find_workspace_root(project).resolve()


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def find_root(start: Path) -> Path:
    """Return the nearest directory, from `start` upwards, that holds a `pyproject.toml`; ConfigError if none does."""
    start = start.resolve()
    try:
        return _find_root(start)
    except OSError as error:
        raise ConfigError(
            Problem(
                code=Code.CP112,
                what=f"`{start}` cannot be read",
                why=f"wanted a directory with a project, found: {error.strerror}",
                fix="run as a user that may read it",
            )
        ) from error


def _find_root(start: Path) -> Path:
    if not start.exists():
        raise ConfigError(
            Problem(
                code=Code.CP112,
                what=f"there is no directory `{start}`",
                why="`--project` names the directory of a project",
                fix="change into a project, or name one with `--project DIR`",
            )
        )
    for directory in (start, *start.parents):
        if (directory / "pyproject.toml").is_file():
            return directory
    raise ConfigError(
        Problem(
            code=Code.CP112,
            what="there is no project here",
            why=f"found no `pyproject.toml` in `{start}` or above it",
            fix="change into a project, or name one with `--project DIR`",
        )
    )


def read_project(root: Path) -> Project:
    """Read the project at `root`. Raises ConfigError for a `pyproject.toml`, LockError for a seal, that is broken."""
    pyproject = _read_pyproject(root / "pyproject.toml", "pyproject.toml", ".")
    _check_tables(pyproject)
    project = Project(root=root, pyproject=pyproject, is_sdist=(root / "PKG-INFO").is_file())
    if not project.is_sdist:
        return project
    from cudapin.core.seal import SEAL_NAME, parse_seal

    if (source := project.read(SEAL_NAME)) is not None:
        return Project(root=root, pyproject=pyproject, is_sdist=True, seal=parse_seal(source, pyproject))
    return project


def read_uv_inputs(project: Project, directories: Iterable[str] = ()) -> UvInputs:
    """Return what uv reads beside the lock: workspace, members, settings, and projects that are path dependencies.

    `directories` are those of all local projects in the lock, relative to it. In an unpacked sdist everything comes
    from its seal.
    """
    if project.seal is not None and project.seal.uv is not None:
        return project.seal.uv
    root = find_workspace_root(project)
    members = tuple(_members(project, root))
    settings, settings_path = _settings(project, root)
    known = {(root / member.directory).resolve() for member in members}
    others = tuple(_path_dependencies(project, root, [d for d in directories if (root / d).resolve() not in known]))
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


def has_build_hook(project: Project, environ: Mapping[str, str]) -> bool:
    """Tell whether hatchling would run the build hook `cudapin` for a wheel, by its own rules."""
    if environ.get("HATCH_BUILD_NO_HOOKS") in ("1", "true"):
        return False
    tool = project.pyproject.table.get("tool")
    build = (tool.get("hatch", {}) if isinstance(tool, dict) else {}).get("build", {})
    file = project.root / "hatch.toml"
    if file.is_file():
        build = _parse(_text(file, "hatch.toml", ConfigError, Code.CP101), "hatch.toml", ConfigError).get(
            "build", build
        )
    wheel = build.get("targets", {}).get("wheel", {})
    hook = wheel.get("hooks", {}).get("cudapin", build.get("hooks", {}).get("cudapin"))
    if hook is None:
        return False
    enabled = (
        environ.get(name) in ("1", "true") for name in ("HATCH_BUILD_HOOKS_ENABLE", "HATCH_BUILD_HOOK_ENABLE_CUDAPIN")
    )
    return bool(hook.get("enable-by-default", True)) or any(enabled)


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
        if not (directory / "pyproject.toml").is_file():
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
        first = _read_pyproject(root / "pyproject.toml", project.shown(root / "pyproject.toml"), ".")
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
                yield _read_pyproject(member, project.shown(member), name)


def _path_dependencies(project: Project, root: Path, directories: Iterable[str]) -> Iterator[Pyproject]:
    for name in directories:
        file = root / name / "pyproject.toml"
        inside = not project.is_sdist or file.resolve().is_relative_to(project.root.resolve())
        if inside and file.is_file():
            yield _read_pyproject(file, project.shown(file), posixpath.normpath(name))


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
    return _read_pyproject(file, project.shown(file), name)


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
    directories = {path for path in matches("members") if (path / "pyproject.toml").is_file()}
    return sorted(path for path in directories if path not in excluded and not excluded.intersection(path.parents))


def _glob(root: Path, pattern: str) -> Iterator[Path]:
    """Yield what a pattern of uv matches; nothing for one that cannot be a pattern here."""
    pattern = pattern.rstrip("/").removeprefix("./")
    if pattern in ("", "."):
        yield root
        return
    try:
        for path in root.glob(pattern):
            yield Path(os.path.normpath(path))
    except (ValueError, IndexError, NotImplementedError, OSError):
        return


def _settings(project: Project, root: Path) -> tuple[dict[str, Any], str | None]:
    """Return the uv settings that count: of the nearest directory with a `uv.toml` or a `[tool.uv]`."""
    for directory in (root,) if project.is_sdist else (root, *root.parents):
        file = directory / "uv.toml"
        if file.is_file():
            return _parse(_text(file, project.shown(file), LockError, Code.CP205), project.shown(file), LockError), (
                project.shown(file)
            )
        file = directory / "pyproject.toml"
        if file.is_file():
            table = project.pyproject if directory == project.root else _read_pyproject(file, project.shown(file), ".")
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


def _read_pyproject(file: Path, shown: str, directory: str) -> Pyproject:
    text = _text(file, shown, ConfigError, Code.CP101)
    return Pyproject(source=Source(path=shown, text=text), table=_parse(text, shown, ConfigError), directory=directory)


def _check_tables(pyproject: Pyproject) -> None:
    """Make sure that what is read as a table is one. Raises ConfigError with all that are not."""
    problems = []
    for path in _TABLES:
        value: Any = pyproject.table
        for key in path:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if not isinstance(value, dict):
            name = ".".join(path)
            problems.append(
                Problem(
                    code=Code.CP101,
                    what=f"`{name}` is not a table",
                    where=Where(path=pyproject.source.path, line=find_line(pyproject.source.text, *path), key=name),
                    why=f"wanted a table, found `{value!r}`",
                    fix=f"make `{name}` a table",
                )
            )
    if problems:
        raise ConfigError(*problems)


def _parse(text: str, shown: str, error_class: type[CudapinError]) -> dict[str, Any]:
    try:
        return tomli.loads(text)
    except (tomli.TOMLDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise error_class(
            Problem(
                code=Code.CP101 if error_class is ConfigError else Code.CP205,
                what=f"`{shown}` is not valid TOML",
                where=Where(path=shown, line=line),
                why=str(error) or "nested too deeply",
                fix=f"mend `{shown}`",
            )
        ) from error


def _text(file: Path, shown: str, error_class: type[CudapinError], code: Code) -> str:
    try:
        text = file.read_bytes().decode().removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as error:
        raise error_class(
            Problem(
                code=code,
                what=f"`{shown}` cannot be read",
                where=Where(path=shown),
                why=f"wanted a text file in UTF-8, found {type(error).__name__}",
                fix=f"mend `{shown}`",
            )
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
