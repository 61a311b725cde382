"""Virtual environments for builds: made by virtualenv, filled by uv where it is there, else by pip."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["Environment", "Maker", "find_uv", "require_extra"]

_NEEDED = ("pyproject_hooks", "virtualenv")
# What would bring something of the environment that cudapin itself runs in, or of hatch's, into a build.
_NOT_HANDED_ON = ("PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "HATCH_ENV_ACTIVE", "UV_SYSTEM_PYTHON")
# How people set where virtualenv keeps its own files; any other of its variables would change what a build sees.
_OF_VIRTUALENV = "VIRTUALENV_OVERRIDE_APP_DATA"


def require_extra() -> None:
    """Raise ConfigError (CP116) where what `cudapin[build]` brings is not installed."""
    missing = [name.replace("_", "-") for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            Problem(
                code=Code.CP116,
                what="`cudapin build` needs the extra `build` of cudapin",
                why=f"{' and '.join(f'`{name}`' for name in missing)} cannot be imported by {sys.executable}",
                fix='python -m pip install "cudapin[build]"',
            )
        )


def find_uv(environ: Mapping[str, str]) -> str | None:
    """Return the path of uv: of the package of that name, else of the program on PATH."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which(environ.get("UV") or "uv", path=environ.get("PATH"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment for builds, and the variables that programs in it get."""

    python: str
    environ: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Makes environments below a folder. `environ` is the environment as the user made it."""

    environ: Mapping[str, str]
    uv: str | None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def make(self, folder: Path) -> Environment:
        """Make an environment in a new folder, with nothing installed but what fills it."""
        import virtualenv

        arguments = [str(folder), "--activators", "", "--no-periodic-update"]
        arguments.append("--no-setuptools" if self.uv is None and not _has_pip() else "--no-seed")
        with self._lock:  # it is no library for several threads at once, and takes a few milliseconds
            session = virtualenv.cli_run(arguments, setup_logging=False, env=_for_virtualenv(self.environ))
        scripts = str(session.creator.script_dir)
        environ = {name: value for name, value in self.environ.items() if name not in _NOT_HANDED_ON}
        path = environ.get("PATH")
        environ["PATH"] = scripts if path is None else os.pathsep.join((scripts, path))
        environ["VIRTUAL_ENV"] = str(folder)
        return Environment(python=str(session.creator.exe), environ=environ)

    def filling(self, environment: Environment, requirements: Iterable[str], file: Path) -> list[str]:
        """Write the requirements to a file, and return the command that installs them."""
        file.touch(mode=0o600)
        file.write_text("".join(f"{item}\n" for item in requirements), encoding="utf-8")
        if self.uv is not None:
            return [self.uv, "pip", "install", "--python", environment.python, "-r", str(file)]
        pip = [sys.executable, "-m", "pip", "--python", environment.python]
        if not _has_pip():
            pip = [environment.python, "-Im", "pip"]
        options = ["--disable-pip-version-check", "--no-warn-script-location", "--no-compile", "--no-input"]
        return [*pip, "install", *options, "-r", str(file)]


def _has_pip() -> bool:
    """Whether the pip that cudapin runs beside can fill other environments."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return tuple(int(part) for part in version("pip").split(".")[:2]) >= (22, 3)
    except (PackageNotFoundError, ValueError):
        return False


def _for_virtualenv(environ: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith("VIRTUALENV_")}
    if _OF_VIRTUALENV in environ:
        kept[_OF_VIRTUALENV] = environ[_OF_VIRTUALENV]
    return {**kept, "VIRTUALENV_CONFIG_FILE": os.devnull}
