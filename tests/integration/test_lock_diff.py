"""`lock diff` of locks that uv made, in revisions of a real git repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from integration.lab import Index, Table, run_uv, serve, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

SRC = str(Path(__file__).parents[2] / "src")
LINUX = ("--python", "3.12", "--platform", "linux_x86_64")
USE = "  fix: name a file, or a revision and a path as in `HEAD:uv.lock`\n"


def git(directory: Path, *arguments: str) -> str:
    """Run git without any configuration but the repository's."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=lab", "-c", "user.email=lab@index.example", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def diff(directory: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "cudapin", "lock", "diff", *arguments]
    environment = {**os.environ, "PYTHONPATH": SRC, **environ}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def project(address: str, cuda: str) -> Table:
    """The PyTorch pattern; the index of the CUDA builds is the one that is named."""

    def index(name: str, **more: Any) -> Table:
        return {"name": name, "url": f"{address}/{name}/simple", **more}

    return {
        "project": {
            "name": "demo",
            "version": "0.1.0",
            "requires-python": ">=3.10",
            "dependencies": ["alpha"],
            "optional-dependencies": {"cpu": ["torch>=2.9"], "gpu": ["torch>=2.9"]},
        },
        "tool": {
            "uv": {
                "index": [index("main", default=True), index("cpu", explicit=True), index(cuda, explicit=True)],
                "conflicts": [[{"extra": "cpu"}, {"extra": "gpu"}]],
                "sources": {"torch": [{"index": "cpu", "extra": "cpu"}, {"index": cuda, "extra": "gpu"}]},
            },
            "cudapin": {"variants": {"cpu": {}, "gpu": {"cuda": "12"}}},
        },
    }


class Place(NamedTuple):
    """A repository, and the project in it whose work tree has another CUDA than its last commit."""

    root: Path
    project: Path
    address: str


CHANGED = (
    "gpu: CUDA 12.6 -> 12.8: torch 2.9.0+cu126 -> 2.9.0+cu128 (index {0}/cu126/simple -> {0}/cu128/simple)\n"
    "gpu: CUDA 12.6 -> 12.8: nvidia-cuda-runtime-cu12 12.6.77 -> 12.8.90\n"
)
UPGRADED = "all variants: upgraded: alpha 1.0.0 -> 2.0.0\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    main, cpu, cu126, cu128 = Index(), Index(), Index(), Index()
    main.add("alpha", "1.0.0")
    main.add("nvidia-cuda-runtime-cu12", "12.6.77", "12.8.90")
    cpu.add("torch", "2.9.0+cpu")
    cu126.add("torch", "2.9.0+cu126", requires=("nvidia-cuda-runtime-cu12==12.6.77",))
    cu128.add("torch", "2.9.0+cu128", requires=("nvidia-cuda-runtime-cu12==12.8.90",))
    root = tmp_path_factory.mktemp("lab") / "mono repo"
    folder = root / "some packages" / "demo"
    with serve({"main": main, "cpu": cpu, "cu126": cu126, "cu128": cu128}) as address:
        write_project(folder, {".": project(address, "cu126")})
        assert run_uv(folder, "lock").returncode == 0
        (root / "README").write_bytes(b"\xff\xfe")
        git(root, "init", "--quiet")
        git(root, "add", "-A")
        git(root, "commit", "--quiet", "-m", "fix: the first")
        git(root, "tag", "v1")
        main.add("alpha", "2.0.0")
        write_project(folder, {".": project(address, "cu128")})
        done = run_uv(folder, "lock", "--upgrade", "--no-cache")
        assert done.returncode == 0, done.stderr
        yield Place(root, folder, address)


@pytest.mark.parametrize(
    "old",
    ["HEAD:uv.lock", "HEAD:./uv.lock", "v1:uv.lock", ":uv.lock", "main@{0}:uv.lock", "HEAD^{/fix: the}:uv.lock"],
)
def test_from_the_project_in_a_subdirectory(place: Place, old: str) -> None:
    said = CHANGED.format(place.address) + UPGRADED
    assert diff(place.project, old, "uv.lock", *LINUX) == (0, said, "")


def test_exit_code_and_json(place: Place) -> None:
    code, out, err = diff(place.project, "HEAD:uv.lock", "uv.lock", *LINUX, "--exit-code", "--format", "json")
    found = json.loads(out)
    assert (code, err, found["ok"], found["differ"]) == (1, "", False, True)
    assert found["old"] == {"path": "uv.lock", "revision": "HEAD", "format": "uv"}
    assert [(row["name"], [item["name"] for item in row["cuda"]]) for row in found["variants"]] == [
        ("cpu", []),
        ("gpu", ["torch", "nvidia-cuda-runtime-cu12"]),
    ]
    assert diff(place.project, "HEAD:uv.lock", "v1:uv.lock", *LINUX, "--exit-code") == (
        0,
        "no packages differ for Python 3.12 on linux x86_64\n",
        "",
    )


def test_the_exports_of_one_lock(place: Place, tmp_path: Path) -> None:
    for form, name in (("pylock.toml", "pylock.gpu.toml"), ("requirements-txt", "gpu.txt")):
        options = ("--frozen", "--no-emit-project", "--extra", "gpu", "--format", form, "-o", str(tmp_path / name))
        done = run_uv(place.project, "export", *options)
        assert done.returncode == 0, done.stderr
        found = json.loads(diff(place.project, "uv.lock", str(tmp_path / name), *LINUX, "--format", "json")[1])
        rows = {row["name"]: row for row in found["variants"]}
        empty: dict[str, list[str]] = {"cuda": [], "changed": [], "added": [], "removed": []}
        assert {key: rows["gpu"][key] for key in empty} == empty
        assert [(item["name"], item["old"]["cuda"], item["new"]["cuda"]) for item in rows["cpu"]["cuda"]] == [
            ("torch", "cpu", "12.8")
        ]


def test_a_path_from_the_root_of_the_repository(place: Place) -> None:
    said = CHANGED.format(place.address) + UPGRADED
    path = "some packages/demo/uv.lock"
    note = f"note: `HEAD:{path}` is `{path}` of the root of the repository\n"
    assert diff(place.project, f"HEAD:{path}", "uv.lock", *LINUX) == (0, said, note)
    assert diff(place.root, "--project", "some packages/demo", f"HEAD:{path}", path, *LINUX) == (0, said, "")
    assert diff(place.project, f"HEAD:../demo/{'uv.lock'}", "uv.lock", *LINUX) == (0, said, "")


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (
            "nope:uv.lock",
            "error[CP112]: there is no revision `nope`\n"
            "  why: wanted a commit, tag or branch to read `uv.lock` from, found none\n"
            "  fix: git log --oneline --all\n",
        ),
        (
            "--output=stolen:uv.lock",
            "error[CP112]: there is no revision `--output=stolen`\n"
            "  why: wanted a commit, tag or branch to read `uv.lock` from, found none\n"
            "  fix: git log --oneline --all\n",
        ),
        (
            "HEAD:none.lock",
            "error[CP112]: `HEAD` holds no `none.lock`\n"
            "  why: wanted a file there, from `demo` or from the root of the repository, found none\n"
            "  fix: git ls-tree -r --name-only HEAD\n",
        ),
        (
            ":none.lock",
            "error[CP112]: the index holds no `none.lock`\n"
            "  why: wanted a file there, from `demo` or from the root of the repository, found none\n"
            "  fix: git ls-files\n",
        ),
        (
            "HEAD:../demo",
            "error[CP112]: `HEAD:../demo` is a directory\n  why: wanted a lock file\n  fix: name a file in `../demo`\n",
        ),
        (
            "HEAD:../../README",
            "error[CP205]: `HEAD:../../README` cannot be read\n"
            "  --> HEAD:../../README\n"
            "  why: wanted text in UTF-8, found the byte 0xff at offset 0\n"
            "  fix: name a revision that holds a lock file there\n",
        ),
    ],
)
def test_what_is_not_there(place: Place, old: str, expected: str) -> None:
    code, out, err = diff(place.project, "--exit-code", "--", old, "uv.lock")
    assert (code, out, err) == (3 if "CP205" in expected else 2, "", expected)
    assert not list(place.root.rglob("stolen*"))


def test_a_path_outside_of_the_repository(place: Place) -> None:
    code, out, err = diff(place.project, "HEAD:../../../x", "uv.lock")
    assert (code, out) == (2, "")
    assert err == (
        "error[CP112]: `HEAD:../../../x` cannot be read\n"
        f"  why: git says: './../../../x' is outside repository at '{place.root}'\n{USE}"
    )


def test_where_there_is_no_repository(place: Place, tmp_path: Path) -> None:
    write_project(tmp_path, {".": project(place.address, "cu128")})
    assert diff(
        tmp_path, "HEAD:uv.lock", str(place.project / "uv.lock"), GIT_CEILING_DIRECTORIES=str(tmp_path.parent)
    ) == (
        2,
        "",
        "error[CP112]: `HEAD:uv.lock` cannot be read\n"
        f"  why: `{tmp_path}` lies in no git repository\n"
        "  fix: change into the repository, or name a file\n",
    )


def test_the_same_path_here_and_at_the_root(place: Place, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(place.root), "copy")
    copy = tmp_path / "copy"
    (copy / "uv.lock").write_text("no lock", encoding="utf-8")
    git(copy, "add", "-A")
    git(copy, "commit", "--quiet", "-m", "second")
    assert diff(copy / "some packages" / "demo", "HEAD:uv.lock", "uv.lock", *LINUX) == (
        0,
        "no packages differ for Python 3.12 on linux x86_64\n",
        "note: `HEAD:uv.lock` is `uv.lock` of this directory; that of the root of the repository is `../../uv.lock`\n",
    )
    code, out, err = diff(copy / "some packages" / "demo", "HEAD:../../uv.lock", "uv.lock", *LINUX)
    assert (code, out) == (3, "")
    assert err.splitlines()[0] == "error[CP205]: `HEAD:../../uv.lock` is not valid TOML"
    assert err.splitlines()[-1] == "  fix: name a revision that holds a lock file there"


def test_a_clone_without_history(place: Place, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", place.root.as_uri(), "copy")
    assert diff(tmp_path / "copy" / "some packages" / "demo", "HEAD~1:uv.lock", "uv.lock") == (
        2,
        "",
        "error[CP112]: there is no revision `HEAD~1`\n"
        "  why: wanted a commit, tag or branch to read `uv.lock` from, found none: this clone is a shallow one\n"
        "  fix: git fetch --unshallow --tags\n",
    )


def test_a_partial_clone_fetches_nothing(place: Place, tmp_path: Path) -> None:
    git(place.root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", place.root.as_uri(), "copy")
    path = "some packages/demo/uv.lock"
    assert diff(tmp_path / "copy", "--project", str(place.project), f"HEAD:{path}", str(place.project / "uv.lock")) == (
        2,
        "",
        f"error[CP112]: `HEAD:{path}` cannot be read\n"
        "  why: this clone holds only a part of the objects, and nothing is fetched here\n"
        f"  fix: git cat-file -e 'HEAD:{path}', then again\n",
    )


def test_a_link_in_a_revision_is_followed(place: Place, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(place.root), "copy")
    folder = tmp_path / "copy" / "some packages" / "demo"
    (folder / "linked").mkdir()
    (folder / "linked" / "uv.lock").symlink_to("../uv.lock")
    (folder / "linked" / "out.lock").symlink_to("/nowhere")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "second")
    assert diff(folder, "HEAD:linked/uv.lock", "uv.lock", *LINUX)[:2] == (
        0,
        "no packages differ for Python 3.12 on linux x86_64\n",
    )
    assert diff(folder, "HEAD:linked/out.lock", "uv.lock", *LINUX)[2].startswith(
        "error[CP112]: `HEAD` holds no `linked/out.lock`\n"
    )
    root = tmp_path / "copy"
    (root / "linked").mkdir()
    (root / "linked" / "out.lock").write_bytes((folder / "uv.lock").read_bytes())
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "third")
    found = diff(folder, "HEAD:linked/out.lock", "uv.lock", *LINUX)
    assert (found[0], found[2]) == (
        0,
        "note: `HEAD:linked/out.lock` is `linked/out.lock` of the root of the repository\n",
    )


def test_nothing_in_the_repository_is_changed(place: Place) -> None:
    before = {path: path.stat().st_mtime_ns for path in (place.root / ".git").rglob("*")}
    diff(place.project, ":uv.lock", "uv.lock")
    assert {path: path.stat().st_mtime_ns for path in (place.root / ".git").rglob("*")} == before
