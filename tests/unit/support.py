"""What the unit tests share: projects on disk, texts of problems, environments. All of it values, nothing patched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tomli

from cudapin.core.config import Config, parse_config
from cudapin.core.lock import Pyproject, Source
from cudapin.core.verdict import render_problems
from cudapin.errors import ConfigError, CudapinError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LINUX: dict[str, str] = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.4",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.12.4",
    "python_version": "3.12",
    "sys_platform": "linux",
}
MACOS = {**LINUX, "platform_machine": "arm64", "platform_system": "Darwin", "sys_platform": "darwin"}
A, B, C = "a" * 64, "b" * 64, "c" * 64
"""Digests."""


def config_of(text: str) -> Config:
    table = tomli.loads(text).get("tool", {}).get("cudapin")
    return parse_config(table, Source(path="pyproject.toml", text=text))


def pyproject_of(text: str) -> Pyproject:
    return Pyproject(source=Source(path="pyproject.toml", text=text), table=tomli.loads(text))


def faults(call: Callable[[], Any], kind: type[CudapinError] = ConfigError) -> str:
    """Return what a front end would show of the error that `call` raises."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return render_problems(caught.value.problems)


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root
