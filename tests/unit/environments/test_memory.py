"""What is kept of a cell and a project, and when it is found out again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support import write

from cudapin.adapters import files
from cudapin.environments.memo import circumstances, read_memo, recall, remember, write_memo
from cudapin.environments.sources import sources_digest
from cudapin.environments.state import State, forget_state, has_python, installed, read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATE = State(identity="i", locked={"torch": "d"}, sources="s", own=None, packages={"torch": ["1", 2, 3]}, memo={})


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_state(tmp_path, STATE)
    assert read_state(tmp_path) == STATE
    forget_state(tmp_path)
    forget_state(tmp_path)
    assert read_state(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 2, "identity": 3}', "[" * 100_000])
def test_what_is_no_state_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cudapin-environment.json").write_text(text)
    assert read_state(tmp_path) is None


def test_what_is_installed(tmp_path: Path) -> None:
    site = "lib/python3.12/site-packages"
    write(tmp_path, {f"{site}/Typing_Extensions-4.1.dist-info/RECORD": "abc", f"{site}/half-1.dist-info/METADATA": ""})
    found = installed(tmp_path)
    assert {name: entry[:2] for name, entry in found.items()} == {"typing-extensions": ["4.1", 3], "half": ["1", 0]}
    assert not has_python(tmp_path)


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_asked", {})
    monkeypatch.setattr(files, "_is_noting", [])
    files.start_noting()


@pytest.mark.usefixtures("noting")
@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "read").write_text("other"),
        lambda root: (root / "read").unlink(),
        lambda root: (root / "missing").write_text(""),
        lambda root: (root / "nothing").mkdir(),
        lambda root: (root / "members" / "two").mkdir(),
    ],
)
def test_an_answer_is_forgotten_when_a_file_changes_that_it_rests_on(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    write(tmp_path, {"read": "text", "members/one/x": ""})
    assert files.read_bytes(tmp_path / "read") == b"text"
    assert not files.is_file(tmp_path / "missing")
    assert not files.exists(tmp_path / "nothing")
    assert len(files.glob(tmp_path, "members/*")) == 1
    memo = remember("key", answer=42)
    write_memo(str(tmp_path / "kept" / "memo.json"), memo)
    assert recall(read_memo(str(tmp_path / "kept" / "memo.json")), "key") == {"answer": 42}
    assert recall(memo, "other key") is None
    change(tmp_path)
    assert recall(memo, "key") is None


@pytest.mark.usefixtures("noting")
def test_a_time_alone_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"read": "text"})
    files.read_bytes(tmp_path / "read")
    memo = remember("key")
    os.utime(tmp_path / "read", (1, 1))
    assert recall(memo, "key") == {}


@pytest.mark.parametrize("memo", [None, [], {}, {"key": "key", "files": [], "found": {}}, {"key": "key", "found": {}}])
def test_what_is_no_memo_is_not_recalled(memo: object) -> None:
    assert recall(memo, "key") is None


def test_circumstances_are_the_variables_of_cudapin_and_what_is_given() -> None:
    same = circumstances({"CUDAPIN_ALLOW": "CP201", "HOME": "/a"}, "x")
    assert circumstances({"CUDAPIN_ALLOW": "CP201", "HOME": "/b"}, "x") == same
    assert circumstances({"HOME": "/a"}, "x") != same
    assert circumstances({"CUDAPIN_ALLOW": "CP201"}, "y") != same


def test_the_digest_of_sources_changes_with_them_and_with_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, {"src/a.py": "", "tests/test_a.py": "", "csrc/a.c": ""})

    def digest(**options: bool) -> str:
        return sources_digest([str(tmp_path)], ["tests"], **options)

    before, names = digest(), digest(names_only=True)
    report = '{\n "schema": 1,\n "ok": true,\n "cells": {}\n}\n'
    others = {"tests/more.py": "", "src/a.pyc": "", ".git/x": "", "dist/x": "", "venv/pyvenv.cfg": "", "r.json": report}
    write(tmp_path, dict(others))
    assert digest() == before
    write(tmp_path, {"src/a.py": "changed"})
    assert digest() != before
    assert digest(names_only=True) == names
    write(tmp_path, {"csrc/a.c": "changed"})
    assert digest(names_only=True) != names
    assert sources_digest([]) == sources_digest([str(tmp_path / "nowhere")])


def test_a_package_called_build_and_a_linked_folder_are_sources_too(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(tmp_path, {"shared/a.py": "", "project/src/build/__init__.py": "", "project/src/build/a.py": ""})
    (root / "src" / "shared").symlink_to(tmp_path / "shared", target_is_directory=True)
    (root / "src" / "again").symlink_to(tmp_path / "shared", target_is_directory=True)
    (root / "src" / "round").symlink_to(root, target_is_directory=True)
    before = sources_digest([str(root)])
    assert sources_digest([str(root)]) == before
    write(tmp_path, {"project/src/build/a.py": "changed"})
    changed = sources_digest([str(root)])
    assert changed != before
    write(tmp_path, {"shared/a.py": "changed"})
    assert sources_digest([str(root)]) != changed
