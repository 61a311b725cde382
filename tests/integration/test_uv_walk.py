"""Our selections against `uv export --frozen`, over CUDA forks, and over a real torch from its metadata alone."""

from __future__ import annotations

import itertools
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cudapin.core.lock import Request, Source
from cudapin.locks.uv.lock import parse_uv_lock
from integration.lab import Index, Table, run_uv, serve, write_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cudapin.locks.uv.lock import UvLock

pytestmark = pytest.mark.integration

Choice = tuple[tuple[str, ...], tuple[str, ...]]

CPYTHON = {
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_version": "",
}
PLATFORMS = {
    "linux-x86_64": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "linux-aarch64": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macos-arm64": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "windows-AMD64": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
EXPORT = ("export", "--frozen", "--no-header", "--no-hashes", "--no-annotate", "--no-default-groups", "--no-emit-local")
CUDA = {"cu126": "12.6", "cu128": "12.8", "cu130": "13.0"}


def environment(platform: str, python: str) -> dict[str, str]:
    """Return the marker environment of a platform and a Python version."""
    versions = {"python_version": python, "python_full_version": f"{python}.4", "implementation_version": f"{python}.4"}
    machine = platform.partition("-")[2]
    return {**CPYTHON, **PLATFORMS[platform], **versions, "platform_machine": machine, "extra": ""}


def exported(text: str, target: dict[str, str]) -> set[tuple[str, str]]:
    """Return names and versions of the exported lines that count in an environment."""
    found = set()
    for line in filter(str.strip, text.splitlines()):
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(target):
            (pin,) = requirement.specifier
            found.add((canonicalize_name(requirement.name), pin.version))
    return found


def compare(directory: Path, lock: UvLock, choices: Sequence[Choice], pythons: Sequence[str]) -> tuple[int, int]:
    """Compare every choice on every platform; return how many were compared, and how many of them hold a CUDA."""
    compared = with_cuda = 0
    for extras, groups in choices:
        options = [f"--extra={extra}" for extra in extras] + [f"--group={group}" for group in groups]
        done = run_uv(directory, *EXPORT, *options)
        assert done.returncode == 0, done.stderr
        for platform, python in itertools.product(PLATFORMS, pythons):
            target = environment(platform, python)
            request = Request(extras=frozenset(extras), groups=frozenset(groups), environment=target)
            packages = lock.select(request).packages
            ours = {(package.name, package.version) for package in packages if package.kind != "directory"}
            assert ours == exported(done.stdout, target), (extras, groups, platform, python)
            compared += 1
            with_cuda += any("+cu" in (version or "") or name.startswith("nvidia-") for name, version in ours)
    return compared, with_cuda


def read_lock(directory: Path) -> UvLock:
    """Read the lock that uv has made."""
    return parse_uv_lock(Source(path="uv.lock", text=(directory / "uv.lock").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An index of everything, and one for each CUDA with its own build of torch."""
    main = Index()
    main.add("filelock", "3.0")
    main.add("numpy", "1.26.0", "2.1.0")
    main.add("triton", "3.5.0", requires=("filelock; python_version < '3.12'",))
    main.add("torch", "2.9.0", requires=("filelock", "nvidia-cudart-cu12==12.8.*; sys_platform == 'linux'"))
    main.add("accelerate", "1.0", requires=("torch>=2.8", "numpy"), extras=("fast",))
    main.add("vision", "0.24.0", requires=("torch==2.9.0",))
    indexes = {"main": main, "cpu": Index()}
    indexes["cpu"].add("torch", "2.9.0+cpu", requires=("filelock",))
    for name, version in CUDA.items():
        major = version.partition(".")[0]
        main.add(f"nvidia-cudart-cu{major}", f"{version}.1")
        linux = f"nvidia-cudart-cu{major}=={version}.*; sys_platform == 'linux' and platform_machine == 'x86_64'"
        indexes[name] = Index()
        requires = ("filelock", linux, "triton; sys_platform == 'linux'")
        indexes[name].add("torch", f"2.9.0+{name}", requires=requires)
    with serve(indexes) as url:
        yield url


def forked_project(address: str) -> Table:
    """Extras for each CUDA, a group that conflicts with one of them, sources by extra and marker, a package on top."""
    names = ("cpu", *CUDA)
    indexes: list[Table] = [{"name": "main", "url": f"{address}/main/simple", "default": True}]
    indexes += [{"name": name, "url": f"{address}/{name}/simple", "explicit": True} for name in names]
    sources: list[Table] = [{"index": "cpu", "extra": "cpu"}]
    sources += [{"index": name, "extra": name, "marker": "sys_platform != 'darwin'"} for name in CUDA]
    sources += [{"index": "cu126", "group": "old", "marker": "sys_platform == 'linux'"}]
    extras: dict[str, Any] = {name: ["torch==2.9.0"] if name == "cpu" else ["torch>=2.9"] for name in names}
    return {
        "project": {
            "name": "demo",
            "version": "0.1.0",
            "requires-python": ">=3.10",
            "dependencies": ["numpy<2; python_version < '3.11'", "numpy>=2; python_version >= '3.11'"],
            "optional-dependencies": {**extras, "train": ["accelerate[fast]"], "all": ["demo[train,cu128]"]},
        },
        "dependency-groups": {"old": ["torch"], "dev": ["triton"]},
        "tool": {
            "uv": {
                "index": indexes,
                "conflicts": [[*({"extra": name} for name in names), {"group": "old"}]],
                "sources": {"torch": sources},
            }
        },
    }


def test_cuda_forks_are_selected_as_uv_exports_them(address: str, tmp_path: Path) -> None:
    """Each extra and group, alone and together, for four platforms and two Python versions."""
    directory = tmp_path / "work"
    directory.mkdir()
    write_project(directory, {".": forked_project(address)})
    made = run_uv(directory, "lock")
    assert made.returncode == 0, made.stderr
    variants = ((), ("cpu",), ("cu126",), ("cu128",), ("cu130",), ("cu130", "train"), ("cpu", "train"), ("train",))
    choices: list[Choice] = [(extras, groups) for extras in variants for groups in ((), ("dev",))]
    choices += [((), ("old",)), (("all",), ())]
    compared, with_cuda = compare(directory, read_lock(directory), choices, ["3.10", "3.12"])
    print(f"\n{compared} selections, {with_cuda} with a CUDA")
    assert (compared, with_cuda) == (144, 66)


def test_a_real_torch_is_selected_from_metadata_alone(tmp_path: Path) -> None:
    """A lock of two real releases of torch, made from the user's own index, without any wheel being fetched."""
    directory = tmp_path / "work"
    directory.mkdir()
    project = {
        "name": "demo",
        "version": "0.1.0",
        "requires-python": ">=3.11,<3.14",
        "optional-dependencies": {"cu12": ["torch==2.9.1"], "cu13": ["torch==2.12.0"]},
    }
    write_project(
        directory,
        {".": {"project": project, "tool": {"uv": {"conflicts": [[{"extra": "cu12"}, {"extra": "cu13"}]]}}}},
    )
    try:
        made = run_uv(directory, "lock")
    except subprocess.TimeoutExpired:
        pytest.skip("the index does not answer")
    if made.returncode != 0:
        pytest.skip(f"the index cannot be reached: {made.stderr[-200:]}")
    lock = read_lock(directory)
    compared, with_cuda = compare(directory, lock, [((), ()), (("cu12",), ()), (("cu13",), ())], ["3.11", "3.13"])
    assert compared == 24
    assert with_cuda > 0
    for extra, major in (("cu12", "12"), ("cu13", "13")):
        request = Request(extras=frozenset({extra}), environment=environment("linux-x86_64", "3.12"))
        versions = {package.name: package.version or "" for package in lock.select(request).packages}
        (runtime,) = (name for name in versions if re.fullmatch(r"nvidia-cuda-runtime(?:-cu\d+)?", name))
        assert versions[runtime].startswith(f"{major}."), versions
    assert not list((tmp_path / "uv-cache").rglob("*.whl"))
