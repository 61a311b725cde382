"""A clean environment for every unit test: no variables of a build, temporary files in the test's own folder."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CLEARED = ("CUDA", "HATCH", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "TORCH_CUDA", "NO_COLOR")


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Clear what changes a build, restore the environment afterwards, and return the folder of temporary files."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_CLEARED):
            del os.environ[name]
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    from cudapin.plugin import variables

    variables._ours.clear()
    os.environ.clear()
    os.environ.update(before)
