"""Exported lock files on disk: which is a lock of its own, and where the source of the others is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cudapin.core.verdict import render_problems
from cudapin.gate import open_gate
from unit.cli.test_cli import GATE, UV_PROJECT
from unit.support import A, write

if TYPE_CHECKING:
    from pathlib import Path

HASHES = f" \\\n    --hash=sha256:{A}\n"
EXPORTED = f"# made by\n#    uv export --frozen -o requirements.txt\nalpha==2.0{HASHES}"
PYLOCK = (
    '#    uv export --format pylock.toml\nlock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "alpha"\n'
    'version = "2.0"\nindex = "https://index.example/simple"\n'
    f'wheels = [{{ url = "https://index.example/alpha-2.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]\n'
)


def ours(source: str) -> str:
    return (
        "#    cudapin export --python 3.12 --platform linux_x86_64 --to requirements\n"
        f"# The lock file that it was made from: {source}\nalpha==2.0{HASHES}"
    )


def judge(root: Path, path: str, files: dict[str, str | bytes]) -> str:
    verdict = open_gate(write(root, files), {}).judge_lock(path)
    return "\n".join([verdict.freshness, render_problems(verdict.problems)]).rstrip()


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": EXPORTED},
        {"pylock.toml": PYLOCK},
        {"requirements.txt": EXPORTED, "pylock.toml": PYLOCK, "requirements.lock": ours("uv.lock")},
    ],
)
def test_an_export_does_not_compete(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    gate = open_gate(write(tmp_path, {**GATE, **files}), {})
    assert gate.found_lock == "uv.lock"
    for path in files:
        if path != "requirements.lock":
            assert (path, gate.judge_lock(path).freshness) == (path, "fresh")


def test_what_only_may_be_an_export_is_one_where_its_source_is(tmp_path: Path) -> None:
    text = f'alpha==2.0 ; python_version >= "3.10"{HASHES}'
    files: dict[str, str | bytes] = {"pyproject.toml": UV_PROJECT, "requirements.txt": text}
    assert open_gate(write(tmp_path, files), {}).found_lock == "requirements.txt"
    assert open_gate(write(tmp_path, {"poetry.lock": ""}), {}).found_lock == "poetry.lock"


def test_a_source_that_is_missing(tmp_path: Path) -> None:
    assert judge(tmp_path, "requirements.txt", {"pyproject.toml": UV_PROJECT, "requirements.txt": EXPORTED}) == (
        "unknown\n"
        "error[CP206]: whether `requirements.txt` is fresh cannot be told\n"
        "  --> requirements.txt:1\n"
        "  why: it was exported from `uv.lock`, which is missing\n"
        "  fix: put `uv.lock` back, or make the lock anew, then `uv export --frozen -o requirements.txt`"
    )


def test_a_source_that_is_broken(tmp_path: Path) -> None:
    found = judge(tmp_path, "requirements.txt", {**GATE, "uv.lock": "version = ", "requirements.txt": EXPORTED})
    assert found.startswith(
        "unknown\n"
        "error[CP206]: whether `requirements.txt` is fresh cannot be told\n"
        "  --> requirements.txt:1\n"
        "  why: it was exported from `uv.lock`, which cannot be judged\n"
    )
    assert "error[CP205]: `uv.lock` is not valid TOML\n" in found


@pytest.mark.parametrize("source", ["a.txt", "b.txt"])
def test_files_that_are_made_from_each_other(tmp_path: Path, source: str) -> None:
    files: dict[str, str | bytes] = {**GATE, "a.txt": ours(source), "b.txt": ours("a.txt")}
    found = judge(tmp_path, "a.txt", files)
    assert found.startswith("unknown\nerror[CP206]: ")
    assert "`a.txt` has no lock file that it comes from" in found


def test_a_source_outside_of_the_repository_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"uv.lock": GATE["uv.lock"]})
    files: dict[str, str | bytes] = {"pyproject.toml": UV_PROJECT, "own.txt": ours("../uv.lock"), ".git/config": ""}
    assert "  why: it was exported from `../uv.lock`, which is missing\n" in judge(tmp_path / "demo", "own.txt", files)


def test_an_export_of_an_export(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {**GATE, "requirements.txt": EXPORTED, "own.txt": ours("requirements.txt")}
    assert judge(tmp_path, "own.txt", files) == "fresh"
    stale = EXPORTED.replace("alpha==2.0", "alpha==1.0")
    found = judge(tmp_path, "own.txt", {**files, "requirements.txt": stale})
    assert found.startswith("stale\nerror[CP201]: `own.txt` was exported from a lock file that is stale\n")


@pytest.mark.parametrize(
    "text", ["", "\x00", "alpha==1.0 ; python_version > ", "-e .\n./x ; nonsense\n", "[[packages]]", "\\\n" * 1000]
)
@pytest.mark.parametrize("path", ["requirements.txt", "pylock.toml"])
def test_whatever_follows_a_header_is_no_traceback(tmp_path: Path, text: str, path: str) -> None:
    header = "#    uv export --frozen\n" if path.endswith("txt") else '#    uv export\nlock-version = "1.0"\n'
    verdict = open_gate(write(tmp_path, {**GATE, path: f"{header}{text}"}), {}).judge_lock(path)
    assert verdict.freshness in ("stale", "unknown")
