"""What a cell was made of, kept in a file inside it, so that a later run can tell in a moment whether it still is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cudapin.core.names import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["State", "forget_state", "has_python", "installed", "made_with", "read_state", "sites", "write_state"]

_FILE = "cudapin-environment.json"
_SCHEMA = 2


class State(NamedTuple):
    """A finished sync: what was asked for, and what lay there afterwards.

    `identity` is that of the locked part, `locked` its packages with a digest of version, hashes and index,
    `sources` a digest of the files that the project's wheel was built from, `own` one of the environment's own
    dependencies; None where they were not installed. `packages` maps each installed name to the version, size and
    time (ns) of its RECORD. `memo` is what the next run need not find out again.
    """

    identity: str
    locked: dict[str, str]
    sources: str
    own: str | None
    packages: dict[str, list[Any]]
    memo: dict[str, Any]


def read_state(directory: Path) -> State | None:
    """Return the state of a cell; None where no sync was ever finished, or the file is not what we write."""
    try:
        table = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        if table.pop("schema") != _SCHEMA:
            return None
        state = State(**table)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    tables = (state.locked, state.packages, state.memo)
    return state if all(isinstance(table, dict) for table in tables) else None


def write_state(directory: Path, state: State) -> None:
    """Record a finished sync, in one step."""
    temporary = directory / f"{_FILE}.new"
    temporary.write_text(json.dumps({"schema": _SCHEMA, **state._asdict()}, sort_keys=True), encoding="utf-8")
    temporary.replace(directory / _FILE)


def forget_state(directory: Path) -> None:
    """Mark a cell as unfinished: called before anything in it is changed."""
    (directory / _FILE).unlink(missing_ok=True)


def has_python(directory: Path) -> bool:
    """Tell whether a virtual environment is there."""
    return any((directory / place).exists() for place in ("bin/python", "Scripts/python.exe"))


def made_with(directory: Path) -> str | None:
    """Return the version of the Python that a virtual environment was made with; None where there is none."""
    try:
        lines = (directory / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() in ("version_info", "version"):
            return ".".join(value.strip().split(".")[:3])
    return None


def installed(directory: Path) -> dict[str, list[Any]]:
    """Return what is installed in a cell: normalised name -> version, size and time of its RECORD."""
    found = {}
    for site in sites(directory):
        for info in sorted(name for name in os.listdir(site) if name.endswith(".dist-info")):  # noqa: PTH208
            name, _, version = info.removesuffix(".dist-info").partition("-")
            try:
                record = os.stat(f"{site}/{info}/RECORD")  # noqa: PTH116
            except OSError:
                found[normalise(name)] = [version, 0, 0]
            else:
                found[normalise(name)] = [version, record.st_size, record.st_mtime_ns]
    return found


def sites(directory: Path) -> Iterator[str]:
    """Yield the folders of an environment that packages are installed in."""
    lib = directory / "lib"
    names = os.listdir(lib) if lib.is_dir() else []  # noqa: PTH208
    for place in (*(f"lib/{name}" for name in sorted(names) if name.startswith("python")), "Lib"):
        site = f"{directory}/{place}/site-packages"
        if Path(site).is_dir():
            yield site
