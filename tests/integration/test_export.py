"""Exports installed by real installers, and real exports of uv, poetry and pdm judged against their lock files."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import tomli
from packaging.pylock import Pylock

from cudapin.cli.main import main
from integration.lab import Index, run_uv, serve, write_project
from integration.pdm_lab import run_pdm
from integration.poetry_lab import run_poetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from integration.lab import Table

    Check = Callable[[str], tuple[int, str]]

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with three indexes that all hold a torch, two of them one of the same version."""
    base, cpu, cuda = Index(), Index(), Index()
    base.add("alpha", "1.0", "2.0", requires=("gamma",))
    base.add("gamma", "1.0")
    base.add("devtool", "1.0")
    base.add("winonly", "1.0")
    base.add("torch", "2.9.0", "9.0", requires=("gamma",))
    cpu.add("torch", "2.9.0", requires=("gamma",), extras=("cpu",))
    cuda.add("torch", "2.9.0", requires=("gamma", "winonly; sys_platform == 'win32'"), extras=("cuda",))
    with serve({"main": base, "cpu": cpu, "cuda": cuda}) as url:
        yield url


def project_of(address: str) -> Table:
    return {
        "project": {
            "name": "demo",
            "version": "1.0",
            "requires-python": ">=3.10",
            "dependencies": ["alpha"],
            "optional-dependencies": {"cpu": ["torch>=2.9"], "cu128": ["torch>=2.9"]},
        },
        "dependency-groups": {"dev": ["devtool"]},
        "tool.uv": {
            "package": False,
            "conflicts": [[{"extra": "cpu"}, {"extra": "cu128"}]],
            "sources": {"torch": [{"index": "cpu", "extra": "cpu"}, {"index": "cuda", "extra": "cu128"}]},
            "index": [
                {"name": "main", "url": f"{address}/main/simple", "default": True},
                {"name": "cpu", "url": f"{address}/cpu/simple", "explicit": True},
                {"name": "cuda", "url": f"{address}/cuda/simple", "explicit": True},
            ],
        },
        "tool.cudapin.variants": {"cpu": {}, "cu128": {}},
    }


@pytest.fixture
def demo(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, locked by uv, as the current directory."""
    directory = tmp_path / "demo"
    write_project(directory, {".": project_of(address)})
    assert run_uv(directory, "lock").returncode == 0
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    def call(path: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["lock", "check", "--lock", path])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def export(*arguments: str) -> None:
    assert main(["export", *arguments]) == 0


def pip(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("UV_", "PIP_", "VIRTUAL_ENV"))}
    command = [sys.executable, "-m", "pip", "--isolated", "--no-cache-dir", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, cwd=directory, env=kept, capture_output=True, text=True, timeout=120, check=False)


def installed(directory: Path) -> dict[str, str]:
    """Return the name of each installed package with the extra that tells which index its torch came from."""
    return {
        path.parent.name.partition("-")[0]: (path.read_text(encoding="utf-8").partition("Provides-Extra: ")[2]).strip()
        for path in directory.glob("*.dist-info/METADATA")
    }


INSTALLERS: dict[str, tuple[str, ...]] = {
    "pip": ("install", "--require-hashes", "-r"),
    "pip-pylock": ("install", "-r"),
    "uv": ("pip", "sync", "--require-hashes"),
    "uv-install": ("pip", "install", "--require-hashes", "-r"),
    "uv-pylock": ("pip", "sync"),
}


@pytest.mark.parametrize("installer", INSTALLERS)
@pytest.mark.parametrize(("variant", "index"), [("cpu", "cpu"), ("cu128", "cuda")])
def test_the_file_of_the_right_index_arrives(demo: Path, installer: str, variant: str, index: str) -> None:
    file = "pylock.toml" if "pylock" in installer else "out.txt"
    export("--variant", variant, "--to", "pylock" if "pylock" in installer else "requirements", "-o", file)
    run = pip if installer.startswith("pip") else run_uv
    done = run(demo, *INSTALLERS[installer], file, "--target", "t")
    assert done.returncode == 0, done.stderr
    assert installed(demo / "t") == {"alpha": "", "gamma": "", "torch": index}


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_hash_of_another_file_is_not_installed(demo: Path, installer: str) -> None:
    export("--variant", "cu128", "--to", "requirements", "-o", "out.txt")
    text = (demo / "out.txt").read_text(encoding="utf-8").replace("/cuda/", "/cpu/")
    (demo / "out.txt").write_text(text, encoding="utf-8")
    done = (pip if installer == "pip" else run_uv)(demo, *INSTALLERS[installer], "out.txt", "--target", "t")
    assert done.returncode != 0
    assert installed(demo / "t") == {}


def test_pylock_is_valid_and_says_what_it_was_made_from(demo: Path) -> None:
    export("--variant", "cu128", "--to", "pylock", "-o", "pylock.cu128.toml")
    document = Pylock.from_dict(tomli.loads((demo / "pylock.cu128.toml").read_text(encoding="utf-8")))
    document.validate()
    assert [package.name for package, _ in document.select()] == ["alpha", "gamma", "torch"]
    assert document.tool is not None
    assert document.tool["cudapin"]["lock"]["path"] == "uv.lock"


def test_an_auditor_reads_the_export(demo: Path) -> None:
    export("--variant", "cu128", "--to", "requirements", "-o", "out.txt")
    command = [sys.executable, "-m", "pip_audit", "-r", "out.txt", "--require-hashes", "--disable-pip", "--dry-run"]
    done = subprocess.run(command, cwd=demo, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    assert "would have audited 3 packages" in done.stderr


@pytest.mark.parametrize("file", ["out.txt", "pylock.out.toml"])
@pytest.mark.parametrize(
    "flags",
    ["", "--extra cu128", "--extra cpu --no-dev", "--all-groups", "--only-group dev", "--prune alpha --extra cpu"],
)
def test_an_export_of_uv(demo: Path, check: Check, file: str, flags: str) -> None:
    form = ["--format", "pylock.toml"] if file.endswith("toml") else []
    assert run_uv(demo, "export", "--frozen", *flags.split(), *form, "-o", file).returncode == 0
    assert check(file) == (0, f"{file}: fresh\n")
    text = (demo / file).read_text(encoding="utf-8")
    name = "gamma" if "only-group" not in flags else "devtool"
    edited = (
        text.replace(f"{name}==1.0", f"{name}==1.1")
        .replace(f'name = "{name}"\nversion = "1.0"', f'name = "{name}"\nversion = "1.1"')
        .replace(f"{name}-1.0-py3", f"{name}-1.1-py3")
    )
    (demo / file).write_text(edited, encoding="utf-8")
    code, said = check(file)
    assert (code, said.split("\n")[0]) == (1, f"{file}: stale")
    assert f"error[CP201]: `{file}` is not what `uv.lock` gives for `{name}`\n" in said


@pytest.mark.parametrize("to", ["requirements", "pylock"])
def test_exports_follow_their_source(demo: Path, check: Check, address: str, to: str) -> None:
    own = "pylock.own.toml" if to == "pylock" else "own.txt"
    form = ["--format", "pylock.toml"] if to == "pylock" else []
    other = "pylock.uv.toml" if to == "pylock" else "uv.txt"
    export("--variant", "cu128", "--to", to, "-o", own)
    assert run_uv(demo, "export", "--frozen", "--extra", "cu128", *form, "-o", other).returncode == 0
    assert (check(own), check(other)) == ((0, f"{own}: fresh\n"), (0, f"{other}: fresh\n"))
    edited = project_of(address)
    edited["project"]["dependencies"] = ["alpha<2"]
    write_project(demo, {".": edited})
    for file in (own, other):
        code, said = check(file)
        assert (code, said.split("\n")[0]) == (1, f"{file}: stale")
        assert f"error[CP201]: `{file}` was exported from a lock file that is stale\n" in said
    assert run_uv(demo, "lock").returncode == 0
    for file in (own, other):
        code, said = check(file)
        assert code == 1
        assert f"error[CP201]: `{file}` is not what `uv.lock` gives for `alpha`\n" in said
    export("--variant", "cu128", "--to", to, "-o", own)
    assert check(own) == (0, f"{own}: fresh\n")


def sources(address: str, tool: str) -> Table:
    table: dict[str, Any] = {
        "project": {
            "name": "demo",
            "version": "1.0",
            "requires-python": ">=3.10,<4",
            "dependencies": ["alpha", "winonly ; sys_platform == 'win32'"],
            "optional-dependencies": {"gpu": ["torch==2.9.0"]},
        },
        "dependency-groups": {"dev": ["devtool"]},
    }
    source = {"name": "main" if tool == "poetry" else "pypi", "url": f"{address}/main/simple"}
    own = {"package-mode": False, "source": [{**source, "priority": "primary"}]} if tool == "poetry" else {}
    own = own or {"distribution": False, "source": [{**source, "verify_ssl": False}]}
    return {**table, f"tool.{tool}": own}


EXPORTS = {
    "poetry": [
        ("a.txt", ""),
        ("b.txt", "--extras gpu --with dev"),
        ("pylock.a.toml", "-f pylock.toml"),
        ("pylock.b.toml", "-f pylock.toml --all-extras --all-groups"),
    ],
    "pdm": [
        ("a.txt", "--prod"),
        ("b.txt", "-G :all"),
        ("pylock.a.toml", "-f pylock --prod -G gpu"),
        ("pylock.b.toml", "-f pylock"),
    ],
}


@pytest.mark.parametrize("tool", EXPORTS)
def test_exports_of_other_tools(
    tmp_path: Path, address: str, check: Check, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    directory = tmp_path / "demo"
    run: Any = run_poetry if tool == "poetry" else run_pdm
    write_project(directory, {".": sources(address, tool)})
    monkeypatch.chdir(directory)
    locked = run(directory, "lock", *(["-G", ":all"] if tool == "pdm" else []))
    assert locked.returncode == 0, locked.stderr
    for file, flags in EXPORTS[tool]:
        done = run(directory, "export", *flags.split(), "-o", file)
        assert done.returncode == 0, done.stderr
    for file, _ in EXPORTS[tool]:
        assert check(file) == (0, f"{file}: fresh\n")
    assert check(f"{tool}.lock") == (0, f"{tool}.lock: fresh\n")
    for file, _ in EXPORTS[tool]:
        text = (directory / file).read_text(encoding="utf-8")
        edited = text.replace("alpha==2.0", "alpha==1.0").replace("alpha-2.0-py3", "alpha-1.0-py3")
        edited = edited.replace('name = "alpha"\nversion = "2.0"', 'name = "alpha"\nversion = "1.0"')
        (directory / file).write_text(edited, encoding="utf-8")
        code, said = check(file)
        assert (code, said.split("\n")[0]) == (1, f"{file}: stale")
        assert f"error[CP201]: `{file}` is not what `{tool}.lock` gives for `alpha`\n" in said
