"""Fixtures of the tests that build: one wheelhouse for the session, a clean place and a project for each test.

The only use of a network is in `wheelhouse`, which asks the index that the user's own pip is configured for.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from integration.workbench import Place, Workbench

# What isolated builds install beside cudapin and its requirements.
_BUILD_TOOLS = ("hatchling", "hatch-vcs", "setuptools", "editables", "build", "pip", "virtualenv")


def _must_run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of this checkout and all that builds of it and of the examples install."""
    from integration.workbench import ROOT

    folder = tmp_path_factory.mktemp("wheelhouse")
    _must_run("build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    download = ("pip", "download", "--quiet", "--only-binary", ":all:", "--dest", folder)
    _must_run(*download, *folder.glob("cudapin-*.whl"), *_BUILD_TOOLS, cwd=folder)
    for lock in sorted((ROOT / "example-projects").glob("*/locks/*.txt")):
        if "--hash" in lock.read_text(encoding="utf-8"):
            _must_run(*download, "--no-deps", "--requirement", lock, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def workbench(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The front ends, served from the wheelhouse; uv's cache lasts for the session."""
    from integration.workbench import Workbench

    return Workbench(wheelhouse, tmp_path_factory.mktemp("uv-cache"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A home and a temporary folder of this test's own."""
    from integration.workbench import Place

    return Place(tmp_path / "place")


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Path]:
    """Write a project: the text of its `pyproject.toml`, further files by path, and the name of its folder."""
    from integration.workbench import write_files

    def make(pyproject: str, files: Mapping[str, str] | None = None, folder: str = "project") -> Path:
        return write_files(tmp_path / folder, {"pyproject.toml": pyproject, **(files or {})})

    return make
