"""The only reader of project files: finds them, and turns them into texts and tables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli

from cudapin.adapters.files import is_file, read_bytes
from cudapin.core.locate import find_line
from cudapin.core.lock import Pyproject, Source
from cudapin.errors import Code, ConfigError, CudapinError, LockError, Problem, Where

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.seal import Seal

__all__ = [
    "Project",
    "digest",
    "find_root",
    "has_build_hook",
    "is_built_by_hatchling",
    "parse_toml",
    "read_project",
    "read_pyproject",
    "read_text",
]


_TABLE, _TEXT, _LIST = (dict, "a table"), (str, "a string"), (list, "an array")
_KINDS: Mapping[tuple[str, ...], tuple[type, str]] = {
    ("build-system",): _TABLE,
    ("dependency-groups",): _TABLE,
    ("project",): _TABLE,
    ("project", "name"): _TEXT,
    ("project", "dynamic"): _LIST,
    ("project", "optional-dependencies"): _TABLE,
    ("tool",): _TABLE,
    ("tool", "uv"): _TABLE,
    ("tool", "hatch"): _TABLE,
    ("tool", "hatch", "build"): _TABLE,
}


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

    @property
    def has_own_backend(self) -> bool:
        """Whether its build backend is `cudapin.build`, to which a metadata read is no wheel build."""
        build_system = self.pyproject.table.get("build-system", {})
        return bool(build_system.get("build-backend") == "cudapin.build")

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
        if not is_file(file):
            return None
        return Source(path=path, text=read_text(file, path, LockError, Code.CP205))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    import hashlib

    return hashlib.sha256(read_bytes(path)).hexdigest()


def find_root(start: Path) -> Path:
    """Return the nearest directory, from `start` upwards, that holds a `pyproject.toml`; ConfigError if none does."""
    try:
        start = start.resolve()
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
    pyproject = read_pyproject(root / "pyproject.toml", "pyproject.toml", ".")
    _check_tables(pyproject)
    project = Project(root=root, pyproject=pyproject, is_sdist=is_file(root / "PKG-INFO"))
    if not project.is_sdist:
        return project
    from cudapin.core.seal import SEAL_NAME, parse_seal

    if (source := project.read(SEAL_NAME)) is not None:
        return Project(root=root, pyproject=pyproject, is_sdist=True, seal=parse_seal(source, pyproject))
    return project


def has_build_hook(project: Project, environ: Mapping[str, str]) -> bool:
    """Tell whether hatchling would run the build hook `cudapin` for a wheel, by its own rules."""
    if environ.get("HATCH_BUILD_NO_HOOKS") in ("1", "true"):
        return False
    tool = project.pyproject.table.get("tool")
    build = (tool.get("hatch", {}) if isinstance(tool, dict) else {}).get("build", {})
    file = project.root / "hatch.toml"
    if is_file(file):
        build = parse_toml(read_text(file, "hatch.toml", ConfigError, Code.CP101), "hatch.toml", ConfigError).get(
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


def is_built_by_hatchling(project: Project) -> bool:
    """Tell whether hatchling builds the project, itself or through cudapin's own backend, so that hooks run."""
    backend = project.pyproject.table.get("build-system", {}).get("build-backend")
    return project.has_own_backend or backend == "hatchling.build"


def read_pyproject(file: Path, shown: str, directory: str) -> Pyproject:
    """Return a project file that messages call `shown`. Raises ConfigError (CP101) where it cannot be read."""
    source = Source(path=shown, text=read_text(file, shown, ConfigError, Code.CP101))
    return Pyproject(source=source, table=parse_toml(source.text, shown, ConfigError), directory=directory)


def _check_tables(pyproject: Pyproject) -> None:
    """Make sure that what is read as a table, text or list is one. Raises ConfigError with all that are not."""
    problems = []
    for path, (kind, word) in _KINDS.items():
        value: Any = pyproject.table
        for key in path:
            value = value.get(key, kind()) if isinstance(value, dict) else kind()
        if not isinstance(value, kind):
            name = ".".join(path)
            problems.append(
                Problem(
                    code=Code.CP101,
                    what=f"`{name}` is not {word}",
                    where=Where(path=pyproject.source.path, line=find_line(pyproject.source.text, *path), key=name),
                    why=f"wanted {word}, found `{value!r}`",
                    fix=f"make `{name}` {word}",
                )
            )
    if problems:
        raise ConfigError(*problems)


def parse_toml(text: str, shown: str, error_class: type[CudapinError]) -> dict[str, Any]:
    """Return the table of a TOML text; raise the error class for one that is none."""
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


def _unreadable(code: Code, shown: str, why: str, fix: str) -> Problem:
    return Problem(code=code, what=f"`{shown}` cannot be read", where=Where(path=shown), why=why, fix=fix)


def read_text(file: Path, shown: str, error_class: type[CudapinError], code: Code) -> str:
    """Return the text of a file in UTF-8, without a byte order mark; raise the error class for one that is none."""
    try:
        text = read_bytes(file).decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        why = f"wanted text in UTF-8, found the byte 0x{error.object[error.start]:02x} at offset {error.start}"
        raise error_class(_unreadable(code, shown, why, f"save `{shown}` in UTF-8")) from error
    except OSError as error:
        why = f"wanted a readable file, found: {error.strerror or error}"
        raise error_class(_unreadable(code, shown, why, f"make `{shown}` a file that you may read")) from error
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
