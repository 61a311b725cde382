"""Reading a Python environment from its files: metadata, stamps, what torch says of itself, and other interpreters."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.installed import read_environment, read_packages
from cudapin.core.installed import InstalledPackage, StampRecord
from unit.support import faults, write

if TYPE_CHECKING:
    from pathlib import Path

TORCH = (
    "Metadata-Version: 2.1\nName: Torch\nVersion: 2.9.0+cu128\n"
    "Requires-Dist: nvidia-cuda-runtime-cu12==12.8.90; platform_system == 'Linux'\n"
    "Requires-Dist: optree>=0.13 ; extra == 'optree'\n\nRequires-Dist: not-a-header\n"
)
RECORD = json.dumps({"schema": 1, "variant": "cu128", "cuda": "12.8"})


def test_what_is_wanted_is_read_and_the_rest_told_by_its_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "torch-2.9.0+cu128.dist-info/METADATA": TORCH,
            "torch/version.py": "cuda = '12.8'\n",
            "Ruamel.Yaml-0.18.dist-info/METADATA": "broken",
            "demo-1.2+cu128.dist-info/METADATA": "Name: demo\nVersion: 1.2+cu128\n",
            "demo-1.2+cu128.dist-info/extra_metadata/cudapin.json": RECORD,
            "edited-1.0.dist-info/direct_url.json": '{"url": "file:///x", "dir_info": {"editable": true}}',
            "old-1.0-py3.11.egg-info/PKG-INFO": "Name: old\nVersion: 1.0.post1\n",
            "bare.egg-info": "Name: bare\nVersion: 7\n",
            "no_version.egg-info": "Name: no-version\n",
            "just_a_file.txt": "",
        },
    )
    assert read_packages([str(tmp_path), str(tmp_path / "absent")], lambda name: name != "ruamel-yaml") == {
        "torch": InstalledPackage(
            name="torch",
            version="2.9.0+cu128",
            requires=("nvidia-cuda-runtime-cu12",),
            build_text="cuda = '12.8'\n",
            build_file="torch/version.py",
        ),
        "ruamel-yaml": InstalledPackage(name="ruamel-yaml", version="0.18"),
        "demo": InstalledPackage(name="demo", version="1.2+cu128", stamp=StampRecord(variant="cu128", cuda="12.8")),
        "edited": InstalledPackage(name="edited", version="1.0", is_editable=True),
        "old": InstalledPackage(name="old", version="1.0.post1"),
        "bare": InstalledPackage(name="bare", version="7"),
    }


def test_the_first_folder_counts_and_remains_are_told(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (
        "one/torch-2.8.0.dist-info/METADATA",
        "one/torch-2.9.0.dist-info/METADATA",
        "two/torch-1.0.dist-info/METADATA",
        "two/numpy-1.0.dist-info/METADATA",
    ):
        write(tmp_path, {path: ""})
    found = read_packages([str(one), str(two), str(one)])
    assert found["torch"] == InstalledPackage(
        name="torch", version="2.8.0", others=("2.9.0",), build_file="torch/version.py"
    )
    assert found["numpy"].version == "1.0"


@pytest.mark.parametrize("record", ["", "{", "[]", "{}", "[" * 100_000, '"variant"'])
def test_a_record_that_is_none(tmp_path: Path, record: str) -> None:
    write(tmp_path, {"demo-1.dist-info/extra_metadata/cudapin.json": record})
    assert read_packages([str(tmp_path)])["demo"].stamp is None


@pytest.mark.parametrize(
    ("record", "stamp"),
    [
        ({"variant": None}, StampRecord(variant=None, cuda=None)),
        ({"variant": "both", "cuda": ["12.8", 13, "13.0"]}, StampRecord(variant="both", cuda="12.8, 13.0")),
        ({"variant": 7, "cuda": {}}, StampRecord(variant=None, cuda=None)),
    ],
)
def test_records(tmp_path: Path, record: object, stamp: StampRecord) -> None:
    write(tmp_path, {"demo-1.dist-info/extra_metadata/cudapin.json": json.dumps(record)})
    assert read_packages([str(tmp_path)])["demo"].stamp == stamp


def test_the_running_interpreter() -> None:
    found = read_environment(None, {})
    assert (found.executable, found.prefix, found.is_default) == (sys.executable, sys.prefix, True)
    assert found.version == found.markers["python_full_version"]
    assert found.packages["packaging"].version


def script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def answer(site: Path, **changes: object) -> str:
    document = {
        "path": [str(site)],
        "prefix": "/venv",
        "base": "/usr",
        "executable": "/venv/bin/python",
        "markers": {"python_full_version": "3.13.1", "python_version": "3.13", "sys_platform": "linux"},
    }
    return f"echo noise\necho 'cudapin-interpreter {json.dumps(document | changes)}'"


@pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")
def test_another_interpreter_is_asked_where_it_looks(tmp_path: Path) -> None:
    write(tmp_path, {"site/torch-2.9.0+cu128.dist-info/METADATA": TORCH, "venv/bin/x": ""})
    python = script(tmp_path, answer(tmp_path / "site"))
    found = read_environment(python, {})
    assert (found.executable, found.prefix, found.version, found.is_virtual) == (python, "/venv", "3.13.1", True)
    assert found.markers["platform_machine"] == ""
    assert [*found.packages] == ["torch"]
    assert read_environment("python", {"PATH": str(tmp_path)}).executable == python
    (tmp_path / "venv" / "bin" / "python").symlink_to(python)
    assert read_environment(str(tmp_path / "venv"), {}).executable == str(tmp_path / "venv" / "bin" / "python")


@pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")
def test_a_program_in_this_folder_is_not_looked_for_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"site/torch-2.9.0+cu128.dist-info/METADATA": TORCH})
    python = script(tmp_path, answer(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    assert read_environment("./python", {"PATH": "/nowhere"}).executable == python


WRONG = (
    "error[CP112]: `--python` names no Python interpreter\n"
    "  why: wanted an interpreter or a virtual environment, found `{name}`: {why}\n"
    "  fix: cudapin doctor --python .venv/bin/python"
)


@pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("echo hello", "it does not answer as Python does"),
        ("echo 'cudapin-interpreter []'", "it does not answer as Python does"),
        ('echo \'cudapin-interpreter {"path": 1, "markers": {}}\'', "it does not answer as Python does"),
        ("printf '\\377\\000'", "it does not answer as Python does"),
        ("echo broken >&2; exit 3", "it does not answer as Python does (exit 3: broken)"),
    ],
)
def test_a_program_that_is_no_python(tmp_path: Path, text: str, why: str) -> None:
    python = script(tmp_path, text)
    assert faults(lambda: read_environment(python, {})) == WRONG.format(name=python, why=why)


def test_what_is_no_program(tmp_path: Path) -> None:
    for name, why in (
        (str(tmp_path / "absent"), "there is no such file, nor on PATH"),
        ("absent", "there is no such file, nor on PATH"),
        ("", "it is a folder without `bin/python`"),
        (str(tmp_path), "it is a folder without `bin/python`"),
    ):
        assert faults(lambda name=name: read_environment(name, {})) == WRONG.format(name=name, why=why)  # type: ignore[misc]
    assert faults(lambda: read_environment("a\0b", {})) == WRONG.format(name="a?b", why="no path holds a NUL")
    (tmp_path / "file").write_text("")
    named = str(tmp_path / "file")
    assert faults(lambda: read_environment(named, {})) == WRONG.format(name=named, why="it is not a program")


def test_nothing_of_the_environment_is_imported(tmp_path: Path) -> None:
    write(tmp_path, {"torch/__init__.py": "raise SystemExit", "torch-2.9.0.dist-info/METADATA": TORCH})
    before = set(sys.modules)
    read_packages([str(tmp_path)])
    assert "torch" not in set(sys.modules) - before
