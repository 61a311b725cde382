"""Real `pylock.toml` files: selections against `packaging` and `uv pip sync`, verdicts against what is made anew."""

from __future__ import annotations

import copy
import itertools
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import tomli
from packaging.markers import default_environment
from packaging.pylock import Pylock as Document
from packaging.pylock import PylockSelectError
from packaging.tags import Tag

from cudapin.core.lock import LockVerdict, Pyproject, Request, Source
from cudapin.core.verdict import render_problems
from cudapin.errors import LockError
from cudapin.locks.pylock.fresh import judge_pylock
from cudapin.locks.pylock.lock import Pylock, parse_pylock
from integration.lab import BACKEND, Index, Table, document, edits, run_uv, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration

HERE: dict[str, str] = {key: str(value) for key, value in default_environment().items()}
WINDOWS = {
    **HERE,
    "os_name": "nt",
    "sys_platform": "win32",
    "platform_system": "Windows",
    "platform_machine": "x86_64",
    "platform_release": "",
    "platform_version": "",
}
MACOS = {
    **HERE,
    "os_name": "posix",
    "sys_platform": "darwin",
    "platform_system": "Darwin",
    "platform_machine": "arm64",
    "platform_release": "",
    "platform_version": "",
}
COMPILE = ("pip", "compile", "pyproject.toml", "--universal", "--extra", "one", "--group", "dev", "-o", "pylock.toml")
WHEEL = 'wheels = [{{ url = "https://index.example/{0}-py3-none-any.whl", hashes = {{ sha256 = "{1}" }} }}]\n'
BY_HAND = 'lock-version = "1.0"\ncreated-by = "me"\nextras = ["cpu", "cu"]\ndefault-groups = ["base"]\n' + "".join(
    f'[[packages]]\nname = "{name}"\nversion = "{version}"\nmarker = """{marker}"""\n'
    + WHEEL.format(f"{name}-{version}", "a" * 64)
    for name, version, marker in (
        ("torch", "2.9.0+cpu", "'cpu' in extras and 'cu' not in extras or sys_platform == 'darwin'"),
        ("torch", "2.9.0+cu128", "'cu' in extras and sys_platform != 'darwin'"),
        ("alpha", "1.0", "'base' in dependency_groups"),
        ("beta", "1.0", "'dev' in dependency_groups and python_version < '3.12'"),
        ("beta", "2.0", "python_version >= '3.12'"),
    )
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    main = Index()
    main.add("alpha", "1.0.0", "1.1.0", "2.0.0")
    main.add("alpha", "3.0.0", day="2024-06-01")
    main.add("beta", "1.0.0", "1.2.0", requires=("alpha>=1.0",))
    main.add("gamma", "1.0.0", "2.0.0", requires=("alpha; extra == 'all'", "delta; extra == 'all'"), extras=("all",))
    main.add("delta", "1.0.0", requires=("beta; sys_platform == 'linux'", "epsilon; sys_platform == 'win32'"))
    main.add("epsilon", "0.9.0", "1.0.0")
    with serve({"main": main}) as url:
        yield url


def project(address: str, **uv: Any) -> Table:
    return {
        "project": {
            "name": "demo",
            "version": "0.1.0",
            "requires-python": ">=3.10",
            "dependencies": ["alpha>=1.0,<3", "beta; sys_platform == 'linux'", "gamma[all]>=1.0"],
            "optional-dependencies": {"one": ["delta>=1.0"], "two": ["demo[one]", "epsilon>=0.9"]},
        },
        "dependency-groups": {"dev": ["beta>=1.0", {"include-group": "lint"}], "lint": ["epsilon"]},
        "build-system": {"requires": [], "build-backend": "lab_backend", "backend-path": ["."]},
        "tool": {"uv": {"index": [{"url": f"{address}/main/simple", "default": True}], **uv}},
    }


def write(directory: Path, table: Table) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "pyproject.toml").write_text(document(table), encoding="utf-8")
    (directory / "lab_backend.py").write_text(BACKEND, encoding="utf-8")


def run(directory: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("UV_", "PIP_", "PDM_", "HATCH_", "VIRTUAL"))
    }
    home = directory.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {**kept, "HOME": str(home), "NO_COLOR": "1", "XDG_CONFIG_HOME": str(home), **variables}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def pdm(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "pdm.toml").write_text('[lock]\nformat = "pylock"\n[python]\nuse_venv = false\n', encoding="utf-8")
    (directory / ".pdm-python").write_text(sys.executable, encoding="utf-8")
    done = run(directory, sys.executable, "-m", "pdm", *arguments, PDM_CHECK_UPDATE="0")
    if "hishel" in done.stderr or "No module named pdm" in done.stderr:
        pytest.skip("this pdm does not work: it needs `pdm[locked]`")
    return done


def pdm_project(address: str) -> Table:
    table = project(address)
    del table["build-system"]
    table["tool"] = {
        "pdm": {
            "source": [{"name": "pypi", "url": f"{address}/main/simple", "verify_ssl": False}],
            "distribution": False,
        }
    }
    return table


def read_lock(path: Path) -> Pylock:
    return parse_pylock(Source(path=path.name, text=path.read_text(encoding="utf-8")))


def judge(directory: Path, lock: Pylock | None = None) -> LockVerdict:
    text = (directory / "pyproject.toml").read_text(encoding="utf-8")
    pyproject = Pyproject(source=Source(path="pyproject.toml", text=text), table=tomli.loads(text))
    return judge_pylock(lock or read_lock(directory / "pylock.toml"), pyproject, (), lambda _: None, HERE)


def told(verdict: LockVerdict) -> str:
    return f"{verdict.freshness}\n{render_problems(verdict.problems)}"


def chosen(lock: Pylock, request: Request) -> list[tuple[str, str]]:
    return [(package.name, package.version or "") for package in lock.select(request, "demo").packages]


# Selections


def assert_selects_like_packaging(lock: Pylock) -> int:
    """Compare over extras, groups, platforms and Pythons; return in how many cases something was selected."""
    document = Document.from_dict(tomli.loads(lock.source.text))
    own = [package.name for package in document.packages if lock.is_project(package, "demo")]
    count = 0
    for extra, group, platform, python in itertools.product(
        ((), ("one",), ("cpu",), ("cu",), ("cpu", "cu")), ((), ("dev",)), (HERE, WINDOWS, MACOS), ("3.9", "3.12")
    ):
        environment: Any = {**platform, "python_version": python, "python_full_version": f"{python}.1"}
        request = Request(extras=frozenset(extra), groups=frozenset(group), environment=environment)
        groups = {*group, *(document.default_groups or ())}
        tags = [Tag("py3", "none", "any")]
        try:
            found = document.select(environment=environment, tags=tags, extras=extra, dependency_groups=groups)
            wanted = sorted((item.name, str(item.version)) for item, _ in found if item.name not in own)
        except PylockSelectError:
            with pytest.raises(LockError):
                lock.select(request, "demo")
            continue
        assert chosen(lock, request) == wanted
        count += bool(wanted)
    return count


def assert_selects_like_uv(lock: Pylock, directory: Path, groups: tuple[str, ...] = ()) -> None:
    path = directory / "pylock.chosen.toml"
    path.write_text(lock.source.text, encoding="utf-8")
    assert run_uv(directory, "venv", "--quiet", "--clear", "empty").returncode == 0
    for platform, environment in (("", HERE), ("x86_64-pc-windows-msvc", WINDOWS), ("aarch64-apple-darwin", MACOS)):
        for extra in ((), ("one",)):
            options = [f"--extra={name}" for name in extra] + [f"--group={name}" for name in groups]
            options += [f"--python-platform={platform}"] if platform else []
            done = run_uv(directory, "pip", "sync", "--dry-run", "--python=empty", str(path), *options)
            assert done.returncode == 0, done.stderr
            wanted = sorted(re.findall(r"^ \+ (\S+)==([^\s(]+)$", done.stderr, re.MULTILINE))
            names = frozenset(groups)
            request = Request(extras=frozenset(extra), groups=names, environment=environment)
            assert chosen(lock, request) == wanted


def test_what_uv_compiles_is_selected_like_others_do(address: str, tmp_path: Path) -> None:
    write(tmp_path / "work", project(address))
    assert run_uv(tmp_path / "work", *COMPILE).returncode == 0
    lock = read_lock(tmp_path / "work" / "pylock.toml")
    assert assert_selects_like_packaging(lock) == 30
    assert_selects_like_uv(lock, tmp_path / "work")
    assert {package.index for package in lock.select(Request(environment=HERE)).packages} == {""}


def test_what_uv_exports_is_selected_like_others_do(address: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    write(work, project(address))
    assert run_uv(work, "lock").returncode == 0
    done = run_uv(work, "export", "--format", "pylock.toml", "--extra", "one", "-o", "pylock.toml")
    assert done.returncode == 0, done.stderr
    lock = read_lock(work / "pylock.toml")
    assert assert_selects_like_packaging(lock) == 30
    selected = lock.select(Request(environment=HERE), "demo").packages
    assert "demo" not in [package.name for package in selected]
    assert {package.index for package in selected} == {f"{address}/main/simple"}
    assert lock.header is not None
    assert lock.header.is_export
    assert judge(work).freshness == "unknown"


def test_what_pdm_locks_is_selected_like_others_do(address: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    write(work, pdm_project(address))
    assert pdm(work, "lock", "-G", "one", "-G", "dev").returncode == 0
    lock = read_lock(work / "pylock.toml")
    assert assert_selects_like_packaging(lock) == 30
    assert_selects_like_uv(lock, work, ("default", "dev"))


def test_what_is_written_by_hand_is_selected_like_others_do() -> None:
    lock = parse_pylock(Source(path="pylock.toml", text=BY_HAND))
    assert assert_selects_like_packaging(lock) == 60


# Verdicts


def pins(path: Path) -> set[tuple[str, str]]:
    table = tomli.loads(path.read_text(encoding="utf-8"))
    return {(package["name"], package.get("version", "")) for package in table["packages"]}


def additions(table: Table) -> Iterator[tuple[str, Table]]:
    """Yield edits that change what is pinned."""
    for text in ("alpha<2", "gamma==1.0.0", "delta; python_version > '3'", "epsilon==0.9.0", "beta<1.2"):
        edited = copy.deepcopy(table)
        edited["project"]["dependencies"].append(text)
        yield f"project.dependencies: {text}", edited
    edited = copy.deepcopy(table)
    edited["dependency-groups"]["lint"].append("delta<1")
    yield "dependency-groups.lint: delta<1", edited
    edited = copy.deepcopy(table)
    edited["project"]["optional-dependencies"]["one"].append("demo[two]")
    yield "project.optional-dependencies.one: demo[two]", edited


@pytest.mark.parametrize("options", [{}, {"override-dependencies": ["beta>=1.0"], "exclude-dependencies": ["epsilon"]}])
def test_verdicts_over_what_uv_compiles(address: str, tmp_path: Path, options: Table) -> None:
    """What is called stale would be made differently; what is called fresh holds all that would be made now."""
    work, table = tmp_path / "work", project(address, **options)
    write(work, table)
    assert run_uv(work, *COMPILE).returncode == 0
    lock, made = read_lock(work / "pylock.toml"), (work / "pylock.toml").read_bytes()
    old = pins(work / "pylock.toml")
    assert told(judge(work)) == "fresh\n"
    found: dict[str, int] = {}
    for label, edited in itertools.chain(edits(table), additions(table)):
        if not label.startswith(("project.dep", "project.opt", "dependency-groups", "tool.uv.o", "tool.uv.e")):
            continue
        write(work, edited)
        verdict = judge(work, lock)
        (work / "pylock.toml").write_bytes(made)
        done = run_uv(work, *COMPILE)
        is_same = done.returncode == 0 and (work / "pylock.toml").read_bytes() == made
        assert not (is_same and verdict.freshness == "stale"), (label, told(verdict))
        if verdict.freshness == "fresh" and done.returncode == 0:
            assert pins(work / "pylock.toml") <= old, label
        assert not (verdict.freshness == "fresh" and done.returncode), (label, done.stderr)
        key = f"{verdict.freshness}, {'same' if is_same else 'fails' if done.returncode else 'different'}"
        found[key] = found.get(key, 0) + 1
    assert found["stale, different"] >= 3
    assert found["stale, fails"] >= 10
    assert found["fresh, same"] >= 40
    assert found["fresh, different"] < 30


def test_verdicts_over_what_pip_locks(address: str, tmp_path: Path) -> None:
    work, table = tmp_path / "work", project(address)
    write(work, table)
    index = {"PIP_INDEX_URL": f"{address}/main/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_CACHE_DIR": str(tmp_path)}
    done = run(work, sys.executable, "-m", "pip", "lock", "-e", ".", "-o", "pylock.toml", **index)
    assert done.returncode == 0, done.stderr
    assert told(judge(work)) == "fresh\n"
    assert assert_selects_like_packaging(read_lock(work / "pylock.toml")) == 60
    table["project"]["dependencies"][0] = "alpha>=2.1,<3"
    table["project"]["dependencies"].append("epsilon; sys_platform != 'win32'")
    write(work, table)
    assert told(judge(work)) == (
        "stale\n"
        "error[CP201]: `pylock.toml` does not pin what `project.dependencies` asks for\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `epsilon; sys_platform != 'win32'`, the lock has no `epsilon`\n"
        "  fix: pip lock -e . -o pylock.toml\n"
        "error[CP204]: `pylock.toml` locks a `alpha` that does not satisfy `project.dependencies`\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `alpha>=2.1,<3`, the lock has `2.0.0` at pylock.toml:4\n"
        "  fix: pip lock -e . -o pylock.toml"
    )


def test_verdicts_over_what_pdm_locks(address: str, tmp_path: Path) -> None:
    """Both are exact, so they must be the same, but where pdm knows of no change: a pin edited by hand."""
    work, table = tmp_path / "work", pdm_project(address)
    write(work, table)
    assert pdm(work, "lock", "-G", "one", "-G", "dev").returncode == 0
    lock = read_lock(work / "pylock.toml")
    assert told(judge(work)) == "fresh\n"
    chosen_edits = [item for item in edits(table) if not item[0].startswith(("project.name", "build"))][::6]
    for label, edited in chosen_edits:
        write(work, edited)
        done = pdm(work, "lock", "--check")
        if "hash" in done.stderr + done.stdout or done.returncode == 0:
            assert (judge(work, lock).freshness == "fresh") == (done.returncode == 0), (label, done.stderr)
    write(work, table)
    text = lock.source.text.replace('version = "2.0.0"', 'version = "3.0.0"').replace("alpha-2.0.0", "alpha-3.0.0")
    text = text.replace("gamma-2.0.0", "gamma-3.0.0")
    assert judge(work, parse_pylock(Source(path="pylock.toml", text=text))).freshness == "stale"
    assert pdm(work, "export", "-f", "pylock", "-G", "one", "-o", "pylock.exported.toml").returncode == 0
    exported = read_lock(work / "pylock.exported.toml")
    assert (lock.is_pdm_lock, exported.is_pdm_lock) == (True, False)
    assert judge(work, exported).freshness == "fresh"


def test_verdicts_over_what_hatch_locks(address: str, tmp_path: Path) -> None:
    work, table = tmp_path / "work", project(address)
    table["tool"]["hatch"] = {
        "envs": {"default": {"installer": "uv", "skip-install": True, "locked": True, "features": ["one"]}}
    }
    write(work, table)
    variables = {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "HATCH_DATA_DIR": str(tmp_path / "hatch")}
    done = run(work, sys.executable, "-m", "hatch", "dep", "lock", **variables)
    assert done.returncode == 0, done.stderr
    assert read_lock(work / "pylock.toml").header is None
    assert told(judge(work)) == "fresh\n"
    table["project"]["dependencies"].append("torch")
    write(work, table)
    assert told(judge(work)) == (
        "stale\n"
        "error[CP201]: `pylock.toml` does not pin what `project.dependencies` asks for\n"
        "  --> pyproject.toml:5 (project.dependencies)\n"
        "  why: wanted `torch`, the lock has no `torch`\n"
        "  fix: uv pip compile pyproject.toml --universal -o pylock.toml"
    )
