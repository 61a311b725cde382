"""What names a file of a revision, and what of it is told before git is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.git import read_revised, split_revision
from unit.support import faults

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HEAD:uv.lock", ("HEAD", "uv.lock")),
        (":uv.lock", ("", "uv.lock")),
        ("v1:a:b", ("v1", "a:b")),
        ("HEAD@{1 day ago at 12:00}:uv.lock", ("HEAD@{1 day ago at 12:00}", "uv.lock")),
        ("HEAD^{/fix: all}:locks/a b.txt", ("HEAD^{/fix: all}", "locks/a b.txt")),
        ("}HEAD:x", ("}HEAD", "x")),
        ("--output=x:uv.lock", ("--output=x", "uv.lock")),
        ("c:uv.lock", ("c", "uv.lock")),
        ("C:\\uv.lock", None),
        ("c:/uv.lock", None),
        ("uv.lock", None),
        ("HEAD{:uv.lock", None),
        ("", None),
    ],
)
def test_split_revision(text: str, expected: tuple[str, str] | None) -> None:
    assert split_revision(text) == expected


def test_without_git(tmp_path: Path) -> None:
    assert faults(lambda: read_revised("HEAD", "uv.lock", tmp_path, {"PATH": str(tmp_path)})) == (
        "error[CP112]: `HEAD:uv.lock` cannot be read\n"
        "  why: wanted `git` on PATH to read it, found none\n"
        "  fix: install git, or name two files"
    )


@pytest.mark.parametrize(("revision", "path"), [("HEAD\nHEAD:x", "uv.lock"), ("HEAD", "uv\x00.lock")])
def test_control_characters(revision: str, path: str, tmp_path: Path) -> None:
    assert faults(lambda: read_revised(revision, path, tmp_path, {})) == (
        f"error[CP112]: `{f'{revision}:{path}'!r}` names no file of a revision\n"
        "  why: it holds a control character\n"
        "  fix: name a file, or a revision and a path as in `HEAD:uv.lock`"
    )
