"""Does the build environment hold what the lock says?"""

from __future__ import annotations

import pytest

from cudapin.core.cuda import Belonging, parse_cuda
from cudapin.core.judge_cuda import Bound
from cudapin.core.judge_env import (
    BuildRequirement,
    Installed,
    build_requirements,
    judge_build_environment,
    judge_surplus,
)
from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.verdict import render_problems
from unit.support import A, B

INDEX = "https://index.example/cu128"
WHEEL = LockedFile(name="torch-2.9-cp312-linux.whl", url=f"{INDEX}/torch.whl", hashes={"sha256": A})
OTHER = LockedFile(name="torch-2.9-cp312-win.whl", url=f"{INDEX}/torch-win.whl", hashes={"sha256": B})
SDIST = LockedFile(name="torch-2.9.tar.gz", url=f"{INDEX}/torch.tar.gz", hashes={"sha256": B})
TORCH = LockedPackage(name="torch", version="2.9+cu128", index=INDEX, files=(SDIST, OTHER, WHEEL), line=5)
FIX = "build in a fresh environment"


def usable(file: LockedFile) -> bool:
    return "win" not in file.name


def required(*packages: LockedPackage, names: tuple[str, ...] = ("torch",)) -> list[str]:
    return [str(item) for item in build_requirements(Selection(packages=packages), names, usable)]


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (TORCH, f"torch @ {INDEX}/torch.whl#sha256={A}"),
        (LockedPackage(name="torch", version="2.9", files=(WHEEL,)), "torch==2.9"),
        (LockedPackage(name="torch", version="2.9", index="", files=(WHEEL,)), "torch==2.9"),
        (
            LockedPackage(name="torch", version="2.9", index=INDEX, files=(SDIST, OTHER)),
            f"torch @ {INDEX}/torch.tar.gz#sha256={B}",
        ),
        (
            LockedPackage(
                name="torch",
                version="2.9",
                index=INDEX,
                files=(LockedFile(name="t.whl", url="https://me:s3cr3t@index.example/t.whl", hashes={"sha256": A}),),
            ),
            f"torch @ https://index.example/t.whl#sha256={A}",
        ),
        (
            LockedPackage(
                name="torch",
                version="2.9",
                index=INDEX,
                files=(LockedFile(name="t.whl", url="../t.whl", hashes={"sha256": A}),),
            ),
            "torch==2.9",
        ),
        (
            LockedPackage(
                name="torch",
                version="2.9",
                index=INDEX,
                files=(LockedFile(name="t.whl", url=f"{INDEX}/t.whl", hashes={"md5": A}),),
            ),
            "torch==2.9",
        ),
    ],
)
def test_a_build_requirement_as_text(package: LockedPackage, expected: str) -> None:
    assert required(package) == [expected]


def test_the_closure_is_required_too() -> None:
    packages = (
        LockedPackage(name="a", version="1", dependencies=("b",)),
        LockedPackage(name="b", version="2"),
        LockedPackage(name="c", version="3"),
        LockedPackage(name="local", version=None),
    )
    assert required(*packages, names=("a", "gone", "local")) == ["a==1", "b==2"]


def judged(requirement: BuildRequirement, *installed: Installed, changed: str | None = None) -> str:
    return render_problems(
        judge_build_environment(
            (requirement,), {item.name: item for item in installed}, "uv.lock", FIX, lambda _: changed
        )
    )


HASHED = BuildRequirement(package=TORCH, url=f"{INDEX}/torch.whl", sha256=A)
PLAIN = BuildRequirement(package=TORCH)


@pytest.mark.parametrize(
    ("requirement", "installed"),
    [
        (HASHED, Installed(name="torch", version="2.9.0+cu128", url=f"{INDEX}/torch.whl", url_hash=A)),
        (HASHED, Installed(name="torch", version="2.9+cu128", url="https://mirror.example/t.whl", url_hash=A)),
        (HASHED, Installed(name="torch", version="2.9+cu128", url=f"{INDEX}/torch.whl")),  # as uv leaves it
        (HASHED, Installed(name="torch", version="2.9+cu128", url=f"{INDEX}/%74orch.whl#sha256={A}")),
        (PLAIN, Installed(name="torch", version="2.9+cu128")),
        (PLAIN, Installed(name="torch", version="2.9+cu128", url="file:///cache/t.whl", url_hash=B)),
    ],
)
def test_what_is_as_locked(requirement: BuildRequirement, installed: Installed) -> None:
    assert judged(requirement, installed) == ""


def absent(why: str) -> str:
    return (
        "error[CP401]: the build environment does not hold the locked `torch 2.9+cu128`\n"
        f"  --> uv.lock:5 (torch)\n  why: the lock pins `torch 2.9+cu128`, {why}\n  fix: {FIX}"
    )


def changed(why: str) -> str:
    return (
        "error[CP402]: the installed `torch 2.9+cu128` is not the locked one\n"
        f"  --> uv.lock:5 (torch)\n  why: {why}\n  fix: {FIX}"
    )


def test_what_is_not_installed() -> None:
    assert judged(HASHED) == absent("it is not installed")


@pytest.mark.parametrize("version", ["2.9", "2.9+cu126", "2.9.1+cu128", "no version"])
def test_another_version(version: str) -> None:
    assert judged(HASHED, Installed(name="torch", version=version)) == absent(f"found `torch {version}`")


@pytest.mark.parametrize(
    ("requirement", "url", "digest", "why"),
    [
        (HASHED, None, None, "it was installed from an index that the installer chose"),
        (HASHED, "https://me:s3cr3t@mirror.example/t.whl", B, "it was installed from https://mirror.example/t.whl"),
        (HASHED, "https://mirror.example/t.whl", B, "it was installed from https://mirror.example/t.whl"),
        (HASHED, f"{INDEX}/torch.whl#sha256={B}", None, f"it was installed from {INDEX}/torch.whl#sha256={B}"),
        (HASHED, "https://mirror.example/t.whl", None, "it was installed from https://mirror.example/t.whl"),
        (PLAIN, "file:///tmp/t.whl", "0" * 64, "it was installed from file:///tmp/t.whl"),
        (PLAIN, "file:///tmp/torch", None, "it was installed from file:///tmp/torch"),
    ],
)
def test_another_origin(requirement: BuildRequirement, url: str | None, digest: str | None, why: str) -> None:
    installed = Installed(name="torch", version="2.9+cu128", url=url, url_hash=digest)
    assert judged(requirement, installed) == changed(why)


def test_an_address_that_uv_left_out_for_a_source() -> None:
    installed = {"torch": Installed(name="torch", version="2.9+cu128")}
    problems = judge_build_environment((HASHED,), installed, "uv.lock", FIX, lambda _: None, {"torch"})
    assert render_problems(problems) == (
        "error[CP402]: the installed `torch 2.9+cu128` is not the locked one\n"
        "  --> uv.lock:5 (torch)\n"
        "  why: it was installed from an index that the installer chose; "
        "uv puts `[tool.uv.sources]` before the address and hash that the lock has\n"
        "  fix: uv build --no-sources, or give the source of `torch` the `extra` or `group` that it is for"
    )


def test_a_changed_file() -> None:
    installed = Installed(name="torch", version="2.9+cu128", url=f"{INDEX}/torch.whl", url_hash=A)
    assert judged(HASHED, installed, changed="torch/x.so") == changed("its file `torch/x.so` is not as its RECORD says")


def test_a_requirement_says_whether_it_is_hashed() -> None:
    assert (HASHED.is_hashed, PLAIN.is_hashed) == (True, False)


def bound(name: str, version: str, kind: str = "cuda") -> Bound:
    belonging = Belonging(cuda=parse_cuda("13") if kind == "cuda" else None, kind=kind, evidence="its name")  # type: ignore[arg-type]
    return Bound(package=LockedPackage(name=name, version=version), belonging=belonging)


def test_a_cuda_package_that_the_variant_does_not_select() -> None:
    items = (
        bound("torch", "2.9"),
        bound("nvidia-cublas-cu13", "13.0"),
        bound("jax", "1", "unknown"),
        bound("xla", "1", "cpu"),
    )
    assert render_problems(judge_surplus(items, Selection(packages=(TORCH,)), "cu128", FIX)) == (
        "error[CP403]: the build environment holds `nvidia-cublas-cu13`, which variant `cu128` does not select\n"
        "  why: a compiled wheel could take its headers or libraries; "
        "found `nvidia-cublas-cu13 13.0` (its name), wanted `torch`\n"
        f"  fix: {FIX}"
    )


@pytest.mark.parametrize(
    ("package", "origin"),
    [
        (
            LockedPackage(name="torch", version="2.9", index=INDEX, line=5),
            f"`{INDEX}`, without an address and a hash",
        ),
        (LockedPackage(name="torch", version="2.9", kind="git", line=5), "a git source"),
        (LockedPackage(name="torch", version="2.9", kind="directory", line=5), "a directory source"),
    ],
)
def test_what_only_the_lock_knows_is_not_asked_of_the_default_index(package: LockedPackage, origin: str) -> None:
    (requirement,) = build_requirements(Selection(packages=(package,)), ("torch",), usable)
    assert not requirement.is_installable
    (problem,) = judge_build_environment((requirement,), {}, "uv.lock", FIX, lambda _: None)
    assert render_problems([problem]) == (
        "error[CP401]: the build environment does not hold the locked `torch 2.9`\n"
        "  --> uv.lock:5 (torch)\n"
        f"  why: the lock pins `torch 2.9`, it comes from {origin}, and cannot be asked of the default index\n"
        "  fix: install `torch` and build with `--no-isolation`"
    )
