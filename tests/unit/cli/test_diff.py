"""`lock diff` of two files: variants, extras, formats, targets, wrong use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from unit.locks.uv_texts import LOCK, PYPROJECT
from unit.support import VARIANTS, A, locked, write

if TYPE_CHECKING:
    from pathlib import Path

LINUX = ("--python", "3.12", "--platform", "linux_x86_64")
UV = PYPROJECT + "\n[tool.cudapin.variants.cpu]\n[tool.cudapin.variants.cu128]\n"
CUDA = LOCK.replace("2.9.0+cu128", "2.9.0+cu130").replace("2.9.0%2Bcu128", "2.9.0%2Bcu130")
NEWER = CUDA.replace("2.1.0", "2.2.0").replace('source = { registry = "wheels" }', 'source = { path = "../quick" }')
RENAMED = LOCK.replace('name = "demo"', 'name = "former"').replace("extra-4-demo", "extra-6-former")


@pytest.fixture
def diff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(files: dict[str, str | bytes], *arguments: str) -> tuple[int, str, str]:
        write(tmp_path, {"pyproject.toml": UV, **files})
        code = main(["lock", "diff", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_a_cuda_change(diff: Any) -> None:
    files = {"old/uv.lock": LOCK, "uv.lock": NEWER}
    said = "cu128: CUDA 12.8 -> 13.0: torch 2.9.0+cu128 -> 2.9.0+cu130\nall variants: upgraded: numpy 2.1.0 -> 2.2.0\n"
    assert diff(files, "old/uv.lock", "uv.lock", *LINUX) == (0, said, "")
    assert diff({}, "old/uv.lock", "uv.lock", "--exit-code", *LINUX) == (1, said, "")
    assert diff({}, "uv.lock", "old/uv.lock", *LINUX)[1].startswith(
        "cu128: CUDA 13.0 -> 12.8: torch 2.9.0+cu130 -> 2.9.0+cu128\nall variants: downgraded: numpy"
    )


def test_json(diff: Any) -> None:
    files = {"old/uv.lock": LOCK, "uv.lock": CUDA}
    code, out, _ = diff(files, "old/uv.lock", "uv.lock", "--format", "json", "--exit-code", *LINUX)
    sides = [
        {"name": "torch", "version": f"2.9.0+{cuda}", "kind": "registry", "origin": None}
        | {"index": "https://index.example/cu128", "cuda": number}
        for cuda, number in (("cu128", "12.8"), ("cu130", "13.0"))
    ]
    change = {"name": "torch", "aspects": ["version", "cuda"], "old": sides[0], "new": sides[1], "files": None}
    empty: dict[str, list[str]] = {
        "old_lacks": [],
        "new_lacks": [],
        "cuda": [],
        "changed": [],
        "added": [],
        "removed": [],
    }
    assert code == 1
    assert json.loads(out) == {
        "schema": 1,
        "command": "lock diff",
        "ok": False,
        "problems": [],
        "old": {"path": "old/uv.lock", "revision": None, "format": "uv"},
        "new": {"path": "uv.lock", "revision": None, "format": "uv"},
        "differ": True,
        "variants": [{"name": "cpu", **empty}, {"name": "cu128", **empty, "cuda": [change]}],
        "elsewhere": [],
    }


def test_no_difference(diff: Any) -> None:
    files = {"old/uv.lock": LOCK, "uv.lock": CUDA}
    assert diff(files, "uv.lock", "uv.lock", "--exit-code", *LINUX) == (
        0,
        "no packages differ for Python 3.12 on linux x86_64\n",
        "",
    )
    found = diff({}, "old/uv.lock", "uv.lock", "--exit-code", "--python", "3.12", "--platform", "win_amd64")
    said = "no packages differ for Python 3.12 on win32 AMD64; something else in the files differs\n"
    assert found == (0, said, "")


def test_without_variants_every_extra_and_group(diff: Any) -> None:
    files = {"pyproject.toml": PYPROJECT, "old/uv.lock": LOCK, "uv.lock": NEWER}
    assert diff(files, "old/uv.lock", "uv.lock", *LINUX)[1] == (
        "demo[cu128]: CUDA 12.8 -> 13.0: torch 2.9.0+cu128 -> 2.9.0+cu130\n"
        "demo: upgraded: numpy 2.1.0 -> 2.2.0\n"
        "demo (group dev): changed: quick 1.0 (source an index -> ../quick)\n"
    )


def test_a_variant_that_the_old_lock_does_not_hold(diff: Any) -> None:
    text = UV.replace('cu128 = ["torch', 'cu130 = ["torch').replace("variants.cu128", "variants.cu130")
    new = CUDA.replace("demo-cu128", "demo-cu130").replace("cu128 = [\n", "cu130 = [\n").replace('"cu128"]', '"cu130"]')
    files = {"pyproject.toml": text, "old/uv.lock": LOCK, "uv.lock": new}
    assert diff(files, "old/uv.lock", "uv.lock", "--exit-code", *LINUX) == (
        1,
        "cu130: `old/uv.lock` does not lock extra `cu130`\ncu130: added: torch 2.9.0+cu130 (CUDA 13.0)\n",
        "",
    )


@pytest.mark.parametrize("place", ["former/uv.lock", "uv.lock.orig"])
def test_a_project_that_had_another_name(diff: Any, place: str) -> None:
    files = {place: RENAMED, "uv.lock": CUDA}
    assert diff(files, place, "uv.lock", *LINUX)[1] == ("cu128: CUDA 12.8 -> 13.0: torch 2.9.0+cu128 -> 2.9.0+cu130\n")


def test_a_project_that_the_lock_does_not_hold(diff: Any) -> None:
    other = '\n[[package]]\nname = "second"\nversion = "1"\nsource = { editable = "packages/second" }\n'
    files = {"ws/uv.lock": RENAMED + other, "uv.lock": CUDA}
    assert diff(files, "ws/uv.lock", "uv.lock", "--exit-code", *LINUX) == (
        3,
        "",
        "error[CP206]: `ws/uv.lock` does not lock `demo`\n"
        "  --> ws/uv.lock\n"
        "  why: wanted an entry for `demo`, the lock holds `former`, `second`\n"
        "  fix: uv lock\n",
    )


def test_two_formats(diff: Any) -> None:
    digest = "0123456789abcdef" * 4
    pins = locked(
        "uv pip compile pyproject.toml --extra cu128 --index-url https://index.example/simple", "numpy==2.1.0"
    )
    pins = pins.replace(A, digest) + f"torch==2.9.0+cu130 --hash=sha256:{A}\n    # via demo (pyproject.toml)\n"
    assert diff({"uv.lock": LOCK, "requirements.txt": pins}, "uv.lock", "requirements.txt", *LINUX) == (
        0,
        "cpu: no CUDA -> CUDA 13.0: torch 2.9.0+cpu -> 2.9.0+cu130\n"
        "cu128: CUDA 12.8 -> 13.0: torch 2.9.0+cu128 -> 2.9.0+cu130\n",
        "",
    )


PYLOCK = """\
lock-version = "1.0"
extras = ["cpu"]
dependency-groups = []
created-by = "lab"
[[packages]]
name = "alpha"
[packages.vcs]
type = "git"
url = "https://me:secret@git.example/alpha"
commit-id = "1111111111111111111111111111111111111111"
"""
POETRY = """\
# This file is automatically @generated by Poetry 2.1.3 and should not be changed by hand.
[[package]]
name = "alpha"
version = "1.0"
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = []
[package.source]
type = "git"
url = "https://git.example/alpha"
reference = "main"
resolved_reference = "1111111111111111111111111111111111111111"

[extras]
cpu = []

[metadata]
lock-version = "2.1"
python-versions = "*"
content-hash = "0"
"""
PDM = """\
# This file is @generated by PDM.
[metadata]
groups = ["default", "cpu"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"
content_hash = "sha256:0"
[[metadata.targets]]
requires_python = ">=3.10"
[[package]]
name = "alpha"
version = "1.0"
git = "https://git.example/alpha"
revision = "1111111111111111111111111111111111111111"
groups = ["default"]
"""


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        (PYLOCK, "pylock.toml", "no version"),
        (POETRY, "poetry.lock", "1.0"),
        (PDM, "pdm.lock", "1.0"),
    ],
)
def test_a_commit_of_git_in_every_format(diff: Any, text: str, name: str, version: str) -> None:
    pyproject = UV.replace('"numpy>=1.24"', '"alpha @ git+https://git.example/alpha@main"')
    files = {"pyproject.toml": pyproject, "before": text, name: text.replace("1" * 40, "2" * 40)}
    code, out, err = diff(files, "before", name, "--exit-code", *LINUX)
    assert (code, err) == (1, "")
    assert out.splitlines()[-1] == (
        f"all variants: changed: alpha {version} (source https://git.example/alpha#{'1' * 40} -> "
        f"https://git.example/alpha#{'2' * 40})"
    )
    assert out.splitlines()[0] == "cu128: `before` does not lock extra `cu128`"
    for other in (PYLOCK, POETRY, PDM):  # a copy is known by its text, and one commit is one source in all formats
        found = diff({"other": other}, "before", "other", *LINUX)
        assert (found[0], found[1].splitlines()[-1]) == (0, "no packages differ for Python 3.12 on linux x86_64"), found


def test_an_extra_that_selects_nothing_more_is_a_difference_too(diff: Any) -> None:
    files = {"old/pylock.toml": PYLOCK, "pylock.toml": PYLOCK.replace('["cpu"]', '["cpu", "cu128"]')}
    said = (
        "cu128: `old/pylock.toml` does not lock extra `cu128`\n"
        "no packages differ for Python 3.12 on linux x86_64; something else in the files differs\n"
    )
    assert diff(files, "old/pylock.toml", "pylock.toml", "--exit-code", *LINUX) == (1, said, "")


def test_a_member_that_the_old_lock_of_the_workspace_does_not_hold(diff: Any, tmp_path: Path) -> None:
    files = {"uv.lock": RENAMED, "packages/demo/pyproject.toml": UV, "packages/demo/uv.lock": LOCK}
    code, out, err = diff(
        files, "--project", str(tmp_path / "packages/demo"), "uv.lock", "packages/demo/uv.lock", *LINUX
    )
    assert (code, out) == (3, "")
    assert err.startswith("error[CP206]: `../../uv.lock` does not lock `demo`\n")


def test_a_lock_file_of_one_variant(diff: Any) -> None:
    old = str(VARIANTS["locks/cu128.txt"])
    new = old.replace("2.9.0+cu128", "2.9.0+cu130").replace("numpy==2.0", "numpy==2.1")
    assert diff({**VARIANTS, "old.txt": old, "locks/cu128.txt": new}, "old.txt", "locks/cu128.txt") == (
        0,
        "cu128: CUDA 12.8 -> 13.0: torch 2.9.0+cu128 -> 2.9.0+cu130\ncu128: upgraded: numpy 2.0 -> 2.1\n",
        "",
    )


def test_a_variant_that_does_not_exist_for_the_target(diff: Any) -> None:
    text = UV + "environments = [\"sys_platform == 'linux'\"]\n"
    files = {"pyproject.toml": text, "old/uv.lock": LOCK, "uv.lock": NEWER}
    assert diff(files, "old/uv.lock", "uv.lock", "--python", "3.12", "--platform", "win_amd64")[1] == (
        "cpu: upgraded: numpy 2.1.0 -> 2.2.0\ncu128: not compared: it does not exist for Python 3.12 on win32 AMD64\n"
    )


USE = "name a file, or a revision and a path as in `HEAD:uv.lock`"


@pytest.mark.parametrize(
    ("old", "what", "why"),
    [
        ("none.lock", "`none.lock` is no lock file", "found no such file"),
        ("C:\\none.lock", "`C:\\none.lock` is no lock file", "found no such file"),
        ("a\0b", "`a\\x00b` is no lock file", "found no such file"),
        ("x" * 5000, f"`{'x' * 5000}` is no lock file", "found no such file"),
        (".", "`.` is no lock file", "it is a directory"),
    ],
)
def test_what_names_no_file(diff: Any, old: str, what: str, why: str) -> None:
    found = diff({"uv.lock": LOCK}, old, "uv.lock", "--exit-code")
    assert found == (2, "", f"error[CP112]: {what}\n  why: {why}\n  fix: {USE}\n")


def test_a_file_with_a_colon_in_its_name(diff: Any) -> None:
    assert diff({"HEAD:uv.lock": LOCK, "uv.lock": CUDA}, "HEAD:uv.lock", "uv.lock", *LINUX)[1] == (
        "cu128: CUDA 12.8 -> 13.0: torch 2.9.0+cu128 -> 2.9.0+cu130\n"
    )


@pytest.mark.parametrize(
    "content", [b"\xff", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", b"x = [\0"]
)
def test_a_file_that_is_no_lock(diff: Any, content: bytes) -> None:
    code, out, err = diff({"old/uv.lock": content, "uv.lock": LOCK}, "old/uv.lock", "uv.lock", "--exit-code")
    assert (code, out, err.split(":")[0]) == (3, "", "error[CP205]")


def test_a_project_is_needed(diff: Any) -> None:
    assert diff({"pyproject.toml": "[tool.x]\n", "uv.lock": LOCK}, "uv.lock", "uv.lock") == (
        2,
        "",
        "error[CP112]: there is no project here\n"
        "  why: `pyproject.toml` has no `[project]`\n"
        "  fix: name a member with `--project DIR`\n",
    )


def test_copies_of_one_variants_lock(diff: Any) -> None:
    """They are compared for the variant whose lock has that name, not for all."""
    files = {**VARIANTS, "a/cu128.txt": VARIANTS["locks/cu128.txt"], "b/cu128.txt": VARIANTS["locks/cu128.txt"]}
    _, out, _ = diff(files, "a/cu128.txt", "b/cu128.txt", "--format", "json", *LINUX)
    assert [row["name"] for row in json.loads(out)["variants"]] == ["cu128"]


def test_a_variants_own_lock_where_others_compete(diff: Any) -> None:
    """Which lock the other variant has is not settled; this one's is."""
    text = str(VARIANTS["locks/cu128.txt"])
    project = str(VARIANTS["pyproject.toml"]).replace('lock = "locks/{variant}.txt"\n', "")
    project = project.replace("variants.cu128]\n", 'variants.cu128]\nlock = "locks/cu128.txt"\n')
    assert project.count("lock =") == 1
    files = {"pyproject.toml": project, "locks/cu128.txt": text, "old.txt": text}
    files |= {"requirements.lock": text, "uv.lock": LOCK}
    _, out, _ = diff(files, "old.txt", "locks/cu128.txt", "--format", "json", *LINUX)
    assert [row["name"] for row in json.loads(out)["variants"]] == ["cu128"]
