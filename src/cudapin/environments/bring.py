"""Brings the pytest plugin into a cell, without installing anything that could move a locked version."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

__all__ = ["bring_plugin"]

_FOLDER = "cudapin-plugin"
_BROUGHT = ("cudapin", "pynvml", "tomli")
"""This package, the module that asks the driver, and the one that reads the table of CUDA facts."""


def bring_plugin(directory: Path) -> None:
    """Copy what the plugin imports into an environment, all of it plain Python.

    A path file puts the copies behind all that is installed, so a `cudapin` or `pynvml` of the environment's own goes
    first. The folder is complete at any moment: other tests may be running from it.
    """
    share = directory / "share"
    fresh, old = share / f"{_FOLDER}.new-{os.getpid()}", share / f"{_FOLDER}.old-{os.getpid()}"
    fresh.mkdir(parents=True)
    for name in _BROUGHT:
        _copy(name, fresh)
    folder = share / _FOLDER
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    for pattern in ("lib/python*/site-packages", "Lib/site-packages"):
        for site in directory.glob(pattern):
            (site / f"{_FOLDER}.pth").write_text(f"{folder.resolve()}\n", encoding="utf-8")


def _copy(name: str, folder: Path) -> None:
    """Copy a module or a package, without what is compiled for the running interpreter."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        return
    origin = Path(found.origin)
    if not found.submodule_search_locations:
        shutil.copyfile(origin, folder / origin.name)
        return
    left_out = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
    shutil.copytree(origin.parent, folder / name, ignore=left_out, copy_function=shutil.copyfile)
