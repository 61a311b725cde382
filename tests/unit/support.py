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


def locked(command: str, *pins: str) -> str:
    """Return a requirements file with a hash for each pin, made by `command`."""
    lines = "".join(f"{pin} --hash=sha256:{A}\n    # via demo (pyproject.toml)\n" for pin in pins)
    return f"# This file was made by\n#    {command}\n{lines}"


COMPILE = "uv pip compile pyproject.toml --generate-hashes --extra {}"
PROJECT = """\
[build-system]
requires = ["hatchling", "cudapin"]
build-backend = "hatchling.build"

[project]
name = "demo"
version = "1.2"
dependencies = ["numpy>=1"]

[project.optional-dependencies]
cpu = ["torch>=2.9"]
cu128 = ["torch>=2.9"]

[tool.cudapin]
lock = "locks/{variant}.txt"
pin = ["torch"]

[tool.cudapin.variants.cpu]

[tool.cudapin.variants.cu128]
arch = ["9.0"]

[tool.hatch.build.hooks.cudapin]
"""
VARIANTS: dict[str, str | bytes] = {
    "pyproject.toml": PROJECT,
    "demo/__init__.py": "",
    "locks/cpu.txt": locked(COMPILE.format("cpu"), "numpy==2.0", "torch==2.9.0+cpu"),
    "locks/cu128.txt": locked(COMPILE.format("cu128"), "numpy==2.0", "torch==2.9.0+cu128"),
}
"""A project with two variants and a lock file for each."""
STALE_CPU: dict[str, str | bytes] = {**VARIANTS, "locks/cpu.txt": locked(COMPILE.format("cpu"), "torch==2.9.0+cpu")}
STALE_TEXT = (
    "error[CP201]: `locks/cpu.txt` does not pin what `project.dependencies` asks for\n"
    "  --> pyproject.toml:8 (project.dependencies)\n"
    "  why: wanted `numpy>=1`, the lock has no `numpy`\n"
    "  fix: uv pip compile pyproject.toml --generate-hashes --extra cpu"
)
