"""Projects on disk: roots, uv workspaces and settings, sdists, and files that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.lockfile import find_lock, read_lock
from cudapin.adapters.project import Project, find_root, has_build_hook, read_project
from cudapin.adapters.workspace import find_members, find_uv_lock, find_workspace_root, read_uv_inputs
from cudapin.core.seal import Seal, SealedFile, render_seal
from cudapin.errors import LockError
from unit.support import A, faults, write

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "demo"\n'
WORKSPACE = '[project]\nname = "root"\n[tool.uv.workspace]\nmembers = ["packages/*"]\nexclude = ["packages/out"]\n'


def open_(root: Path, files: dict[str, str | bytes], member: str = ".") -> Project:
    write(root, files)
    return read_project(root / member if member != "." else root)


def settings(project: Project) -> tuple[dict[str, object], str | None]:
    inputs = read_uv_inputs(project)
    return dict(inputs.settings), inputs.settings_path


# Roots


def test_the_root_is_found_upwards(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": PROJECT, "src/x/y.py": ""})
    assert find_root(tmp_path / "src/x") == find_root(tmp_path) == find_root(tmp_path / "pyproject.toml") == tmp_path


def test_no_project(tmp_path: Path) -> None:
    assert faults(lambda: find_root(tmp_path)) == (
        "error[CP112]: there is no project here\n"
        f"  why: found no `pyproject.toml` in `{tmp_path}` or above it\n"
        "  fix: change into a project, or name one with `--project DIR`"
    )


def test_a_directory_that_does_not_exist_is_no_place_in_the_project_above(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": PROJECT})
    assert faults(lambda: find_root(tmp_path / "tpyo")) == (
        f"error[CP112]: there is no directory `{tmp_path}/tpyo`\n"
        "  why: `--project` names the directory of a project\n"
        "  fix: change into a project, or name one with `--project DIR`"
    )


# Files that cannot be read


@pytest.mark.parametrize(
    "content",
    [PROJECT.encode(), b"\xef\xbb\xbf" + PROJECT.encode(), PROJECT.replace("\n", "\r\n").encode()],
    ids=["plain", "bom", "crlf"],
)
def test_every_kind_of_text(tmp_path: Path, content: bytes) -> None:
    project = open_(tmp_path, {"pyproject.toml": content})
    assert project.metadata == {"name": "demo"}
    assert project.pyproject.source.text == PROJECT


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"[project]\nname = 'd\xff'\n",
            (
                "`pyproject.toml` cannot be read\n  --> pyproject.toml\n"
                "  why: wanted text in UTF-8, found the byte 0xff at offset 19"
            ),
        ),
        (
            b"[project]\nname = \n",
            ("`pyproject.toml` is not valid TOML\n  --> pyproject.toml:2\n  why: Invalid value (at line 2, column 8)"),
        ),
        (b"x = " + b"[" * 100_000, "`pyproject.toml` is not valid TOML\n  --> pyproject.toml"),
    ],
    ids=["utf-8", "toml", "deep"],
)
def test_a_broken_pyproject(tmp_path: Path, content: bytes, expected: str) -> None:
    text = faults(lambda: open_(tmp_path, {"pyproject.toml": content}))
    assert text.startswith(f"error[CP101]: {expected}")
    assert text.endswith(("\n  fix: mend `pyproject.toml`", "\n  fix: save `pyproject.toml` in UTF-8"))


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("project = 3\n", "project", "3"),
        ("project.optional-dependencies = []\n", "project.optional-dependencies", "[]"),
        ("tool = 'x'\n", "tool", "'x'"),
        ("tool.uv = 1\n", "tool.uv", "1"),
        ("dependency-groups = true\n", "dependency-groups", "True"),
        ("build-system = 1\n", "build-system", "1"),
        ("tool.hatch.build = 1\n", "tool.hatch.build", "1"),
        ("project.name = 3\n", "project.name", "3"),
        ("project.dynamic = 'version'\n", "project.dynamic", "'version'"),
    ],
)
def test_what_must_be_of_one_type(tmp_path: Path, text: str, name: str, found: str) -> None:
    wanted = {"project.name": "a string", "project.dynamic": "an array"}.get(name, "a table")
    assert faults(lambda: open_(tmp_path, {"pyproject.toml": f"# one\n{text}"})) == (
        f"error[CP101]: `{name}` is not {wanted}\n"
        f"  --> pyproject.toml:2 ({name})\n"
        f"  why: wanted {wanted}, found `{found}`\n"
        f"  fix: make `{name}` {wanted}"
    )


def test_a_file_in_no_text(tmp_path: Path) -> None:
    project = open_(tmp_path, {"pyproject.toml": PROJECT, "uv.lock": b"\xff"})
    assert project.read("absent.txt") is None
    assert faults(lambda: project.read("uv.lock"), LockError) == (
        "error[CP205]: `uv.lock` cannot be read\n  --> uv.lock\n"
        "  why: wanted text in UTF-8, found the byte 0xff at offset 0\n  fix: save `uv.lock` in UTF-8"
    )


def test_a_project_without_tables(tmp_path: Path) -> None:
    project = open_(tmp_path, {"pyproject.toml": "[tool.cudapin]\nx = 1\n"})
    assert (project.table, project.metadata) == ({"x": 1}, {})


# Workspaces


@pytest.mark.parametrize(
    ("files", "member", "expected"),
    [
        ({"pyproject.toml": PROJECT}, ".", "uv.lock"),
        ({"pyproject.toml": WORKSPACE, "packages/a/pyproject.toml": PROJECT}, "packages/a", "../../uv.lock"),
        (
            {"pyproject.toml": WORKSPACE, "packages/a/pyproject.toml": PROJECT, "packages/a/uv.lock": ""},
            "packages/a",
            "../../uv.lock",
        ),
        ({"pyproject.toml": WORKSPACE, "packages/out/pyproject.toml": PROJECT}, "packages/out", "uv.lock"),
        ({"pyproject.toml": WORKSPACE, "other/pyproject.toml": PROJECT}, "other", "uv.lock"),
        (
            {
                "pyproject.toml": WORKSPACE.replace("packages/*", "**"),
                "packages/pyproject.toml": PROJECT,
                "packages/a/pyproject.toml": PROJECT,
            },
            "packages/a",
            "uv.lock",
        ),
        (
            {"pyproject.toml": WORKSPACE, "packages/a/pyproject.toml": PROJECT + "[tool.uv.workspace]\n"},
            "packages/a",
            "uv.lock",
        ),
        (
            {"pyproject.toml": WORKSPACE.replace("packages/*", "./packages/a/"), "packages/a/pyproject.toml": PROJECT},
            "packages/a",
            "../../uv.lock",
        ),
        (
            {
                "pyproject.toml": WORKSPACE.replace('"packages/*"', '3, "/abs", "a**", "packages/*"'),
                "packages/a/pyproject.toml": PROJECT,
            },
            "packages/a",
            "../../uv.lock",
        ),
        (
            {"root/pyproject.toml": WORKSPACE.replace("packages/*", "../lib"), "lib/pyproject.toml": PROJECT},
            "lib",
            "uv.lock",
        ),
        (
            {"pyproject.toml": WORKSPACE, "packages/a/pyproject.toml": PROJECT, "packages/a/PKG-INFO": ""},
            "packages/a",
            "uv.lock",
        ),
    ],
    ids=[
        "alone",
        "member",
        "orphan lock",
        "excluded",
        "not taken in",
        "a project in between",
        "its own workspace",
        "dotted pattern",
        "odd patterns",
        "beside",
        "sdist",
    ],
)
def test_which_lock_uv_would_use(tmp_path: Path, files: dict[str, str | bytes], member: str, expected: str) -> None:
    assert find_uv_lock(open_(tmp_path, files, member)) == expected


def test_members_stand_in_uvs_order(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"packages/{name}/pyproject.toml": PROJECT for name in ("b", "a", "out")}
    project = open_(tmp_path, {"pyproject.toml": WORKSPACE, "packages/none/x": "", **files}, "packages/b")
    inputs = read_uv_inputs(project)
    assert [(item.directory, item.source.path) for item in inputs.members] == [
        (".", "../../pyproject.toml"),
        ("packages/a", "../a/pyproject.toml"),
        ("packages/b", "pyproject.toml"),
    ]
    assert inputs.project == "packages/b"
    assert find_workspace_root(project) == tmp_path


def test_a_check_is_about_every_member(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"pyproject.toml": WORKSPACE, "packages/a/pyproject.toml": PROJECT, "packages/b/pyproject.toml": PROJECT},
    )
    assert find_members(tmp_path) == [tmp_path, tmp_path / "packages/a", tmp_path / "packages/b"]
    assert find_members(tmp_path / "packages/a") == [tmp_path / "packages/a"]
    write(tmp_path, {"pyproject.toml": WORKSPACE.partition("[tool")[1] + WORKSPACE.partition("[tool")[2]})
    assert find_members(tmp_path) == [tmp_path / "packages/a", tmp_path / "packages/b"]


# Settings


UV = '[tool.uv]\nresolution = "lowest"\n'


@pytest.mark.parametrize(
    ("files", "member", "expected"),
    [
        ({"pyproject.toml": PROJECT + UV}, ".", ({"resolution": "lowest"}, "pyproject.toml")),
        ({"pyproject.toml": PROJECT + UV, "uv.toml": "offline = true"}, ".", ({"offline": True}, "uv.toml")),
        ({"pyproject.toml": PROJECT + UV, "uv.toml": ""}, ".", ({}, "uv.toml")),
        ({"pyproject.toml": UV, "a/pyproject.toml": PROJECT}, "a", ({"resolution": "lowest"}, "../pyproject.toml")),
        (
            {"uv.toml": "offline = true", "pyproject.toml": UV, "a/b/pyproject.toml": PROJECT},
            "a/b",
            ({"offline": True}, "../../uv.toml"),
        ),
        ({"pyproject.toml": UV, "a/pyproject.toml": PROJECT + "[tool.uv]\n"}, "a", ({}, "pyproject.toml")),
        (
            {"pyproject.toml": UV, "a/pyproject.toml": PROJECT + "[tool.uv.sources]\n"},
            "a",
            ({"sources": {}}, "pyproject.toml"),
        ),
        ({"pyproject.toml": UV, "a/pyproject.toml": PROJECT, "a/PKG-INFO": ""}, "a", ({}, None)),
        (
            {"pyproject.toml": WORKSPACE + "sources = {}\n", "packages/a/pyproject.toml": PROJECT + UV},
            "packages/a",
            (
                {"workspace": {"members": ["packages/*"], "exclude": ["packages/out"], "sources": {}}},
                "../../pyproject.toml",
            ),
        ),
    ],
    ids=[
        "own",
        "uv.toml first",
        "empty uv.toml",
        "inherited",
        "inherited uv.toml",
        "an empty table ends the search",
        "so does one of sources",
        "sdist",
        "a member's do not count",
    ],
)
def test_the_settings_that_count(
    tmp_path: Path, files: dict[str, str | bytes], member: str, expected: tuple[dict[str, object], str | None]
) -> None:
    assert settings(open_(tmp_path, files, member)) == expected


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    project = open_(tmp_path, {"pyproject.toml": PROJECT, "uv.toml": "x"})
    assert faults(lambda: read_uv_inputs(project), LockError) == (
        "error[CP205]: `uv.toml` is not valid TOML\n  --> uv.toml:1\n"
        "  why: Expected '=' after a key in a key/value pair (at end of document)\n  fix: mend `uv.toml`"
    )


# Sdists


def sealed(tmp_path: Path, seal: Seal, **files: str) -> Project:
    parent: dict[str, str | bytes] = {"pyproject.toml": "[[[", "uv.toml": "[[["}
    own = {"pyproject.toml": PROJECT, "PKG-INFO": "", "cudapin.seal.json": render_seal(seal), **files}
    return open_(tmp_path, {**parent, **{f"x/{name}": text for name, text in own.items()}}, "x")


def test_nothing_above_an_sdist_is_read(tmp_path: Path) -> None:
    project = sealed(tmp_path, Seal())
    assert project.seal == Seal()
    assert (find_uv_lock(project), settings(project)) == ("uv.lock", ({}, None))
    assert [member.directory for member in read_uv_inputs(project).members] == ["."]


def test_a_carried_lock_keeps_its_name_in_messages(tmp_path: Path) -> None:
    seal = Seal(files={"../uv.lock": SealedFile(path="cudapin-lock/uv.lock", sha256=A)})
    project = sealed(tmp_path, seal, **{"cudapin-lock/uv.lock": "carried"})
    source = project.read(find_uv_lock(project))
    assert source is not None
    assert (source.path, source.text) == ("../uv.lock", "carried")
    assert find_lock(project) == "../uv.lock"


def test_a_seal_in_a_tree_is_not_read(tmp_path: Path) -> None:
    assert open_(tmp_path, {"pyproject.toml": PROJECT, "cudapin.seal.json": "{"}).seal is None


# The hook


HOOK = "[tool.hatch.build.hooks.cudapin]\n"


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("", {}, False),
        (HOOK, {}, True),
        ("[tool.hatch.build.targets.wheel.hooks.cudapin]\n", {}, True),
        ("[tool.hatch.build.targets.sdist.hooks.cudapin]\n", {}, False),
        (HOOK, {"HATCH_BUILD_NO_HOOKS": "true"}, False),
        (HOOK, {"HATCH_BUILD_NO_HOOKS": "false"}, True),
        (HOOK + "enable-by-default = false\n", {}, False),
        (HOOK + "enable-by-default = false\n", {"HATCH_BUILD_HOOKS_ENABLE": "1"}, True),
        (HOOK + "enable-by-default = false\n", {"HATCH_BUILD_HOOK_ENABLE_CUDAPIN": "true"}, True),
    ],
)
def test_whether_the_build_hook_runs(tmp_path: Path, text: str, environ: dict[str, str], *, expected: bool) -> None:
    assert has_build_hook(open_(tmp_path, {"pyproject.toml": PROJECT + text}), environ) is expected


def test_hatch_toml_replaces_what_it_has(tmp_path: Path) -> None:
    project = open_(tmp_path, {"pyproject.toml": PROJECT + HOOK, "hatch.toml": "[build.targets.wheel]\n"})
    assert not has_build_hook(project, {})
    write(tmp_path, {"hatch.toml": "[build.hooks.cudapin]\n"})
    assert has_build_hook(project, {})


# Lock files


HASHED = f"a==1 --hash=sha256:{A}\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "uv.lock"),
        ({"uv.lock": ""}, "uv.lock"),
        ({"poetry.lock": ""}, "poetry.lock"),
        ({"requirements.lock": "a==1"}, "requirements.lock"),
        ({"requirements.txt": HASHED}, "requirements.txt"),
        ({"requirements.txt": "a==1"}, "uv.lock"),
        ({"uv.lock": "", "requirements.txt": "#    uv export\n" + HASHED}, "uv.lock"),
        ({"uv.lock": "", "pylock.toml": "# uv export"}, "uv.lock"),
        ({"pdm.lock": "", "requirements.txt": "# This file is @generated by PDM.\n" + HASHED}, "pdm.lock"),
    ],
)
def test_the_only_independent_lock(tmp_path: Path, files: dict[str, str | bytes], expected: str) -> None:
    assert find_lock(open_(tmp_path, {"pyproject.toml": PROJECT, **files})) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"uv.lock": ""}, "../../uv.lock"),
        ({"uv.lock": "", "packages/a/poetry.lock": ""}, "poetry.lock"),
        ({"uv.lock": "", "packages/a/uv.lock": ""}, "../../uv.lock"),
    ],
)
def test_a_lock_beside_the_project_goes_before_the_workspaces(
    tmp_path: Path, files: dict[str, str | bytes], expected: str
) -> None:
    files = {"pyproject.toml": WORKSPACE, "packages/a/pyproject.toml": PROJECT, **files}
    assert find_lock(open_(tmp_path, files, "packages/a")) == expected


def test_several_locks(tmp_path: Path) -> None:
    project = open_(tmp_path, {"pyproject.toml": PROJECT, "uv.lock": "", "pdm.lock": "", "requirements.txt": HASHED})
    assert faults(lambda: find_lock(project)) == (
        "error[CP114]: several lock files compete, and none is named\n"
        "  --> pyproject.toml (tool.cudapin.lock)\n"
        "  why: found `uv.lock`, `pdm.lock`, `requirements.txt`\n"
        '  fix: add `lock = "uv.lock"` to `[tool.cudapin]`'
    )


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        ("uv.lock", "uv lock"),
        ("../uv.lock", "uv lock"),
        ("r.txt", "uv pip compile pyproject.toml --universal --generate-hashes -o r.txt"),
    ],
)
def test_a_lock_that_is_missing(tmp_path: Path, path: str, fix: str) -> None:
    project = open_(tmp_path, {"x/pyproject.toml": PROJECT}, "x")
    assert faults(lambda: read_lock(project, path), LockError) == (
        f"error[CP202]: there is no lock file `{path}`\n  --> {path}\n"
        f"  why: wanted a lock file to build from, found none\n  fix: {fix}"
    )


@pytest.mark.parametrize(
    ("tool", "command"),
    [("[tool.poetry]", "poetry lock"), ("[tool.pdm]", "pdm lock"), ("[tool.uv]", "uv lock"), ("", "uv lock")],
)
def test_a_lock_that_is_missing_is_made_by_the_tool_of_the_project(tmp_path: Path, tool: str, command: str) -> None:
    project = open_(tmp_path, {"pyproject.toml": f"{PROJECT}{tool}\n"})
    assert faults(lambda: read_lock(project, find_lock(project)), LockError).endswith(f"\n  fix: {command}")


def test_a_misspelled_lock_and_a_directory_in_place_of_one(tmp_path: Path) -> None:
    project = open_(tmp_path, {"pyproject.toml": PROJECT, "uv.lock": "", "poetry.lock/x": ""})
    assert faults(lambda: read_lock(project, "uv.lokc"), LockError).endswith(
        '\n  fix: write `lock = "uv.lock"`, which is there'
    )
    assert faults(lambda: read_lock(project, "poetry.lock"), LockError) == (
        "error[CP205]: `poetry.lock` is no file\n  --> poetry.lock\n"
        "  why: wanted a lock file, found a directory or the like\n  fix: move `poetry.lock` away"
    )


def test_a_lock_that_is_missing_in_an_sdist(tmp_path: Path) -> None:
    project = open_(tmp_path, {"pyproject.toml": PROJECT, "PKG-INFO": ""})
    assert faults(lambda: read_lock(project, "uv.lock"), LockError).endswith(
        "  fix: build from the project's repository, or with `CUDAPIN=off`"
    )


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("Pipfile.lock", "it is made from `Pipfile`, not from `pyproject.toml`"),
        ("conda-lock.yml", "only conda-lock itself knows what its content hash covers"),
        ("pixi.lock", "it records no digest of what it was made from"),
    ],
)
def test_a_lock_of_a_format_that_is_not_judged(tmp_path: Path, path: str, why: str) -> None:
    project = open_(tmp_path, {"pyproject.toml": PROJECT, path: ""})
    assert faults(lambda: read_lock(project, path), LockError) == (
        f"error[CP206]: whether `{path}` is fresh cannot be told\n  --> {path}\n  why: {why}\n"
        '  fix: uv lock, and add `lock = "uv.lock"` to `[tool.cudapin]`'
    )


def test_both_formats_are_read(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": 'version = 1\nrequires-python = ">=3.10"\n', "pylock.txt": HASHED}
    project = open_(tmp_path, dict(files))
    assert [read_lock(project, path).format for path in ("uv.lock", "pylock.txt")] == ["uv", "requirements"]
