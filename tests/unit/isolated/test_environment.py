"""Build environments: what is needed to make them, what reaches them, and which command fills them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from cudapin.isolated import environment
from cudapin.isolated.environment import Environment, Maker, find_uv, require_extra
from unit.support import faults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    require_extra()
    monkeypatch.setattr(environment, "_NEEDED", ("pyproject_hooks", "no_such_module", "another_one"))
    assert faults(require_extra) == (
        "error[CP116]: `cudapin build` needs the extra `build` of cudapin\n"
        f"  why: `no-such-module` and `another-one` cannot be imported by {sys.executable}\n"
        '  fix: python -m pip install "cudapin[build]"'
    )


def test_uv_of_the_package_else_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    assert find_uv({"PATH": str(tmp_path)}) is None
    program = tmp_path / ("uv.exe" if sys.platform == "win32" else "uv")
    program.touch(mode=0o700)
    assert find_uv({"PATH": str(tmp_path)}) == str(program)
    assert find_uv({"PATH": str(tmp_path), "UV": "no-such-program"}) is None


def _make(tmp_path: Path, environ: Mapping[str, str], uv: str | None = "/bin/uv") -> Environment:
    return Maker(environ=environ, uv=uv).make(tmp_path / "environment")


def test_nothing_of_the_caller_leaks(tmp_path: Path) -> None:
    made = _make(
        tmp_path,
        {
            "PATH": os.defpath,
            "PYTHONPATH": "elsewhere",
            "PYTHONHOME": "elsewhere",
            "VIRTUAL_ENV": "elsewhere",
            "HATCH_ENV_ACTIVE": "default",
            "CUDAPIN_ALLOW": "CP305",
            "VIRTUALENV_SYSTEM_SITE_PACKAGES": "1",
        },
    )
    place = tmp_path / "environment"
    scripts = place / ("Scripts" if sys.platform == "win32" else "bin")
    assert made.environ == {
        "PATH": os.pathsep.join((str(scripts), os.defpath)),
        "VIRTUAL_ENV": str(place),
        "CUDAPIN_ALLOW": "CP305",
        "VIRTUALENV_SYSTEM_SITE_PACKAGES": "1",
    }
    assert made.python.startswith(str(scripts))
    assert "include-system-site-packages = false" in (place / "pyvenv.cfg").read_text(encoding="utf-8")
    assert [path.name for path in place.rglob("site-packages/*") if not path.name.startswith("_virtualenv")] == []


def test_without_a_path(tmp_path: Path) -> None:
    assert os.pathsep not in _make(tmp_path, {}).environ["PATH"]


def test_the_command_of_uv(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    command = Maker(environ={}, uv="/bin/uv").filling(
        Environment(python="/e/python", environ={}), ["a==1", "b @ https://index.example/b.whl"], file
    )
    assert command == ["/bin/uv", "pip", "install", "--python", "/e/python", "-r", str(file)]
    assert file.read_text(encoding="utf-8") == "a==1\nb @ https://index.example/b.whl\n"
    assert file.stat().st_mode & 0o077 == 0


OPTIONS = ["install", "--disable-pip-version-check", "--no-warn-script-location", "--no-compile", "--no-input", "-r"]


@pytest.mark.parametrize(
    ("version", "first"),
    [
        ("26.3", [sys.executable, "-m", "pip", "--python", "/e/python"]),
        ("22.3.1", [sys.executable, "-m", "pip", "--python", "/e/python"]),
        ("22.2", ["/e/python", "-Im", "pip"]),
        ("broken", ["/e/python", "-Im", "pip"]),
    ],
)
def test_the_command_of_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, first: list[str]) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: version)
    file = tmp_path / "requirements.txt"
    command = Maker(environ={}, uv=None).filling(Environment(python="/e/python", environ={}), ["a"], file)
    assert command == [*first, *OPTIONS, str(file)]


def test_where_no_pip_can_fill_other_environments_each_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def cli_run(arguments: list[str], **_: object) -> object:
        seen.append(arguments)
        raise KeyError

    monkeypatch.setattr("virtualenv.cli_run", cli_run)
    monkeypatch.setattr(environment, "_has_pip", lambda: False)
    for uv in (None, "/bin/uv"):
        with pytest.raises(KeyError):
            _make(tmp_path, {}, uv)
    assert [arguments[-1] for arguments in seen] == ["--no-setuptools", "--no-seed"]
