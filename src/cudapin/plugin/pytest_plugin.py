"""The pytest plugin: says which variant is tested, skips what needs a GPU that is not there, and reports it.

It acts in a cell of a `cudapin` environment, with `--cudapin-report`, and where the project's `pyproject.toml` has
`[tool.cudapin]`: then it registers the hooks of `pytest_session`. Elsewhere it only adds that option and the fixture
`cudapin`, and imports nothing, since every run of pytest loads this module.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cudapin.plugin.pytest_session import CudapinInfo

_NAME = "cudapin-session"
_OPTION = "--cudapin-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--cudapin-report`."""
    parser.getgroup("cudapin").addoption(
        _OPTION, metavar="FILE", help="write what became of this cell, or variant, to a report in JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start to act, where that is asked for. Raises UsageError for variables that mean nothing."""
    table = _asked_for(config)
    if table is not None:
        from cudapin.plugin.pytest_session import PytestSession

        config.pluginmanager.register(PytestSession(config, table), _NAME)


@pytest.fixture(scope="session")
def cudapin(request: pytest.FixtureRequest) -> CudapinInfo:
    """The variant under test, its CUDA, the verdict on its lock, and the machine."""
    from cudapin.plugin.pytest_session import PytestSession

    session = request.config.pluginmanager.get_plugin(_NAME)
    return (session if isinstance(session, PytestSession) else PytestSession(request.config, {})).info


def _asked_for(config: pytest.Config) -> dict[str, Any] | None:
    """Return `[tool.cudapin]` (empty where there is none, but something else asks), None where nothing asks."""
    is_asked = bool(os.environ.get("CUDAPIN_CELL") or config.getoption(_OPTION))
    for folder in (config.rootpath, *config.rootpath.parents):
        try:
            text = (folder / "pyproject.toml").read_bytes()
        except OSError:
            continue
        table = _table(text) if b"cudapin" in text else None
        return {} if table is None and is_asked else table
    return {} if is_asked else None


def _table(text: bytes) -> dict[str, Any] | None:
    """Return `[tool.cudapin]`; None where it is missing or the file cannot be read."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(text.decode())["tool"]["cudapin"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return table if isinstance(table, dict) else None
