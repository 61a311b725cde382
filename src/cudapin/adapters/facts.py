"""The CUDA facts that ship with cudapin, with those of `CUDAPIN_FACTS` over them."""

from __future__ import annotations

import hashlib
import os
import pkgutil
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

import tomli

from cudapin.adapters.files import read_bytes
from cudapin.core.facts import Facts, parse_facts
from cudapin.errors import Code, ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["facts_digest", "read_facts"]

_VARIABLE = "CUDAPIN_FACTS"


def read_facts(environ: Mapping[str, str]) -> Facts:
    """Return the CUDA facts; raise ConfigError (CP108) if the file that `CUDAPIN_FACTS` names is of no use."""
    path = environ.get(_VARIABLE)
    content = _read(path) if path else None
    try:
        return _parse(content)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            _problem(f"wanted tables of the form of cudapin's own, found in `{path}`: {error}")
        ) from error


def facts_digest(environ: Mapping[str, str]) -> str | None:
    """Return the SHA-256 of the file that `CUDAPIN_FACTS` names, None if it names none.

    Raises ConfigError (CP108) for a file that cannot be read.
    """
    path = environ.get(_VARIABLE)
    return hashlib.sha256(_read(path)).hexdigest() if path else None


def _read(path: str) -> bytes:
    try:
        if not S_ISREG(os.stat(path).st_mode) and not os.path.isdir(path):  # noqa: PTH112, PTH116
            raise ConfigError(_problem(f"wanted a file, found a device, a pipe or a socket in `{path}`"))
        return read_bytes(Path(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(_problem(f"wanted a readable file, found `{path}`: {reason}")) from error


@lru_cache(maxsize=4)
def _parse(foreign: bytes | None) -> Facts:
    return parse_facts(_own(), None if foreign is None else tomli.loads(foreign.decode()))


@lru_cache(maxsize=1)
def _own() -> dict[str, Any]:
    # Not importlib.resources: its import alone takes longer than reading and parsing the table.
    content = pkgutil.get_data("cudapin", "data/cuda.toml")
    if content is None:  # pragma: no cover - only a loader without `get_data` answers so
        missing = "cudapin/data/cuda.toml"
        raise FileNotFoundError(missing)
    return tomli.loads(content.decode())


def _problem(why: str) -> Problem:
    return Problem(
        code=Code.CP108,
        what=f"`{_VARIABLE}` names a file that cannot be used",
        why=why,
        fix=f"unset {_VARIABLE}",
    )
