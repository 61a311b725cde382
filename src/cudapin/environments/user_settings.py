"""What of the user's own settings of uv and pip counts while a locked package is fetched: all but indexes.

A proxy, a certificate or a keyring is the user's business; where a package comes from is the lock's.
"""

from __future__ import annotations

import json
import os
import sys
from configparser import ConfigParser, Error
from pathlib import Path
from typing import TYPE_CHECKING

import tomli

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["INDEX_VARIABLES", "pip_variables", "uv_settings"]

INDEX_VARIABLES = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_TORCH_BACKEND",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
)

_UV_KEYS = ("allow-insecure-host", "keyring-provider", "link-mode", "native-tls", "offline", "system-certs")
_PIP_KEYS = ("cert", "client-cert", "keyring-provider", "proxy", "retries", "timeout", "trusted-host")


def uv_settings(environ: Mapping[str, str]) -> str:
    """Return the text of a `uv.toml` with what counts of the user's and the system's."""
    found: dict[str, object] = {}
    for path in _uv_files(environ):
        try:
            table = tomli.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # uv itself has said so long before, or will
        pip = table.get("pip")
        for settings in (pip if isinstance(pip, dict) else {}, table):
            found = {**{key: settings[key] for key in _UV_KEYS if key in settings}, **found}
    # JSON writes texts, booleans and lists of them as TOML does.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in sorted(found.items()))


def pip_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that stand for what counts of the user's `pip.conf`, and keep pip from reading it."""
    found = {"PIP_CONFIG_FILE": os.devnull}
    for path in _pip_files(environ):
        parser = ConfigParser(interpolation=None)
        try:
            parser.read(path, encoding="utf-8")
        except (Error, OSError, ValueError):
            continue
        for section in ("install", "global"):
            for key in _PIP_KEYS if parser.has_section(section) else ():
                name = f"PIP_{key.upper().replace('-', '_')}"
                if name not in environ and parser.has_option(section, key):
                    found.setdefault(name, parser.get(section, key))
    return found


def _uv_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """The files that uv reads outside projects, the one that counts first."""
    if environ.get("UV_CONFIG_FILE"):
        yield Path(environ["UV_CONFIG_FILE"])
        return
    if environ.get("UV_NO_CONFIG"):
        return
    yield _config_home(environ) / "uv" / "uv.toml"
    yield Path("/etc/xdg/uv/uv.toml")
    yield Path("/etc/uv/uv.toml")


def _pip_files(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("PIP_CONFIG_FILE"):
        yield Path(environ["PIP_CONFIG_FILE"])
    name = "pip.ini" if sys.platform == "win32" else "pip.conf"
    yield _config_home(environ) / "pip" / name
    yield Path.home() / ".pip" / "pip.conf"
    yield Path("/etc/pip.conf")


def _config_home(environ: Mapping[str, str]) -> Path:
    if sys.platform == "win32":
        return Path(environ.get("APPDATA") or Path.home())
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
