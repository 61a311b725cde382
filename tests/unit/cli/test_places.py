"""Where messages say that something is: from the current directory, from the root of a workspace, for GitHub."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.cli.main import main
from unit.support import write

if TYPE_CHECKING:
    from pathlib import Path

ROOT = """\
[project]
name = "top"
version = "1.0"
requires-python = ">=3.10"
[tool.uv.workspace]
members = ["packages/*"]
"""
MEMBER = """\
[project]
name = "inner"
version = "2.0"
requires-python = ">=3.10"
dependencies = ["alpha"]
"""
LOCK = """\
version = 1
revision = 3
requires-python = ">=3.10"

[manifest]
members = ["inner", "top"]

[[package]]
name = "inner"
version = "1.0"
source = { virtual = "packages/inner" }

[[package]]
name = "top"
version = "1.0"
source = { virtual = "." }
"""
WHY = "  why: wanted `2.0`, the lock has `1.0`\n"
OTHER = "  why: wanted `alpha`, the lock has nothing of that kind\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    files = {"pyproject.toml": ROOT, "packages/inner/pyproject.toml": MEMBER, "uv.lock": LOCK, ".git/HEAD": ""}
    return write(
        tmp_path / "repo", {name if name[0] == "." else f"python/{name}": text for name, text in files.items()}
    )


def said(lock: str, project: str, fix: str = "uv lock") -> str:
    name = lock if fix == "uv lock" else "../../uv.lock"
    return (
        f"error[CP203]: `{name}` is stale: the version of `inner` has changed\n"
        f"  --> {lock}:8 (package.version)\n{WHY}  fix: {fix}\n"
        f"error[CP201]: `{name}` is stale: the requirements on `alpha` have changed\n"
        f"  --> {project}:5 (project.dependencies)\n{OTHER}  fix: {fix}\n"
    )


def test_at_the_root_of_a_workspace(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The one lock is named once, by one name."""
    monkeypatch.chdir(workspace / "python")
    assert main(["check", "-q"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "uv.lock: stale\n"
    first, second = said("uv.lock", "packages/inner/pyproject.toml").split("error[CP201]")
    assert captured.err == f"error[CP201]{second}{first}"
    assert main(["check", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(item["code"], item["where"]["path"]) for item in found["problems"]] == [
        ("CP201", "packages/inner/pyproject.toml"),
        ("CP203", "uv.lock"),
    ]
    assert "project" not in found


def test_a_project_that_is_named(workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Each place can be opened, and each command pasted, where the command was given."""
    monkeypatch.chdir(workspace)
    arguments = ["lock", "check", "--project", "python/packages/inner"]
    assert main(arguments) == 1
    fix = "cd python/packages/inner && uv lock"
    assert capsys.readouterr().err == said("python/uv.lock", "python/packages/inner/pyproject.toml", fix)
    assert main([*arguments, "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["project"] == "python/packages/inner"
    assert [item["where"]["path"] for item in found["problems"]] == ["../../uv.lock", "pyproject.toml"]


@pytest.mark.parametrize(
    ("named", "prefix"), [(None, "python/"), ("{}/python", ""), ("{}/elsewhere", "python/"), ("nowhere", "python/")]
)
def test_annotations(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, named: str | None, prefix: str
) -> None:
    """GitHub shows them where they lead from the root of the checkout to a file."""
    monkeypatch.chdir(workspace / "python/packages")
    if named is not None:
        monkeypatch.setenv("GITHUB_WORKSPACE", named.format(workspace))
    assert main(["lock", "check", "--project", "inner", "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split("title")[0] for line in lines] == [
        f"::error file={prefix}uv.lock,line=8,",
        f"::error file={prefix}packages/inner/pyproject.toml,line=5,",
    ]


def test_without_a_repository_annotations_start_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", "")
    monkeypatch.chdir(write(tmp_path, {"a/pyproject.toml": MEMBER}))
    assert main(["lock", "check", "--project", "a", "--format", "github"]) == 1
    assert capsys.readouterr().out.splitlines()[1].startswith("::error file=a/uv.lock,title=CP202::")


def test_a_wrong_command_line_is_told_as_it_was_given(tmp_path: Path) -> None:
    from cudapin.cli.places import seen_from
    from cudapin.errors import Code, Problem

    problem = Problem(code=Code.CP112, what="x", why="y", fix="cudapin check --help")
    assert seen_from(problem, tmp_path / "a", tmp_path) == problem


def test_a_file_of_a_revision_is_no_place(tmp_path: Path) -> None:
    from cudapin.cli.places import seen_from
    from cudapin.errors import Code, Problem, Where

    problem = Problem(code=Code.CP205, what="x", why="y", fix="name another", where=Where(path="HEAD:uv.lock"))
    assert seen_from(problem, tmp_path / "a", tmp_path) == problem
