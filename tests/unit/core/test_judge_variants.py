"""Questions across variants: an addition of nothing, twins, and which variants a target has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import tomli

from cudapin.adapters.facts import read_facts
from cudapin.core.bound import bound_packages
from cudapin.core.config import Variant
from cudapin.core.cuda import CudaVersion
from cudapin.core.judge_variants import Chosen, is_for_target, judge_addition, judge_twins
from cudapin.core.lock import LockedPackage, Pyproject, Selection, Source
from cudapin.core.verdict import render_problems

TEXT = """\
[project]
name = "demo"
[project.optional-dependencies]
cpu = []
Cu_128 = ["torch", "numpy>=1"]
[dependency-groups]
cuda = ["torch"]
[tool.cudapin.variants.cpu]
[tool.cudapin.variants.cu128]
[tool.cudapin.variants.cu126]
"""
PYPROJECT = Pyproject(source=Source(path="pyproject.toml", text=TEXT), table=tomli.loads(TEXT))
CU128 = Variant(name="cu128", cuda=(CudaVersion(major=12, minor=8),), extra=("cu-128",), group=())
NUMPY = LockedPackage(name="numpy", version="2.0")
TORCH = LockedPackage(name="torch", version="2.9.0+cu128", index="https://index.example/cu128")


def chosen(variant: Variant, *packages: LockedPackage) -> Chosen:
    selection = Selection(packages=packages)
    return Chosen(variant=variant, selection=selection, bound=bound_packages(selection, read_facts({}), "linux"))


def addition(variant: Variant, *packages: LockedPackage, table: dict[str, Any] | None = None) -> str:
    pyproject = PYPROJECT if table is None else replace(PYPROJECT, table=table)
    return render_problems(tuple(judge_addition(chosen(variant, *packages), Selection(packages=(NUMPY,)), pyproject)))


def test_an_extra_that_selects_nothing() -> None:
    assert addition(CU128, NUMPY) == (
        "warning[CP310]: extra `cu-128` of variant `cu128` selects nothing\n"
        "  --> pyproject.toml:5 (project.optional-dependencies.Cu_128)\n"
        "  why: wanted packages of CUDA 12.8, the lock selects the same packages without it (1 of them); "
        "`torch` would be, but a marker, an override or an exclusion leaves it out\n"
        "  fix: put what is of its CUDA into extra `cu-128`, or name what selects it in "
        "`[tool.cudapin.variants.cu128]`, then lock again"
    )


def test_a_group_that_selects_nothing() -> None:
    variant = replace(CU128, extra=("cpu",), group=("cuda",), cuda=(CudaVersion(major=12), CudaVersion(major=13)))
    assert addition(variant, NUMPY) == (
        "warning[CP310]: extra `cpu` and group `cuda` of variant `cu128` select nothing\n"
        "  --> pyproject.toml:4 (project.optional-dependencies.cpu)\n"
        "  why: wanted packages of CUDA 12 or 13, the lock selects the same packages without it (1 of them); "
        "`torch` would be, but a marker, an override or an exclusion leaves it out\n"
        "  fix: put what is of its CUDA into extra `cpu` and group `cuda`, or name what selects it in "
        "`[tool.cudapin.variants.cu128]`, then lock again"
    )


@pytest.mark.parametrize(
    ("variant", "packages"),
    [
        (CU128, (NUMPY, TORCH)),
        (CU128, (replace(NUMPY, version="1.0"),)),
        (CU128, (replace(NUMPY, index="https://index.example/cu128"),)),
        (CU128, (replace(NUMPY, origin="git+https://git.example/numpy"),)),
        (replace(CU128, cuda=()), (NUMPY,)),
        (replace(CU128, extra=()), (NUMPY,)),
    ],
    ids=["more", "version", "index", "origin", "no CUDA", "nothing selects it"],
)
def test_what_selects_something_or_need_not(variant: Variant, packages: tuple[LockedPackage, ...]) -> None:
    assert addition(variant, *packages) == ""


@pytest.mark.parametrize("table", [{}, {"project": []}, {"project": {"optional-dependencies": {"cu-128": [1, "!"]}}}])
def test_a_strange_table_is_no_harm(table: dict[str, Any]) -> None:
    assert addition(CU128, NUMPY, table=table).startswith("warning[CP310]: extra `cu-128`")


def test_twins() -> None:
    more = tuple(LockedPackage(name=f"nvidia-{name}-cu12", version="12.8.1") for name in ("cublas", "cufft", "curand"))
    other = replace(CU128, name="cu126")
    found = judge_twins((chosen(CU128, NUMPY, *more, TORCH), chosen(other, *more, TORCH)), PYPROJECT.source)
    assert render_problems(tuple(found)) == (
        "warning[CP311]: variants `cu128`, `cu126` select the same CUDA packages\n"
        "  --> pyproject.toml:10 (tool.cudapin.variants.cu126)\n"
        "  why: wanted a difference, the lock gives each of them `torch 2.9.0+cu128`, `nvidia-cublas-cu12 12.8.1`, "
        "`nvidia-cufft-cu12 12.8.1` and 1 more\n"
        "  fix: give each its own index or requirement, then lock again, or remove one"
    )


@pytest.mark.parametrize(
    "other",
    [
        chosen(replace(CU128, name="b"), replace(TORCH, version="2.9.1+cu128")),
        chosen(replace(CU128, name="b"), replace(TORCH, index="https://index.example/cu126")),
        chosen(replace(CU128, name="b", arch=("9.0",)), TORCH),
        chosen(replace(CU128, name="b", build_requires=("torch",)), TORCH),
        chosen(replace(CU128, name="b", dependencies=("triton",)), TORCH),
    ],
    ids=["version", "index", "arch", "build-requires", "dependencies"],
)
def test_variants_that_differ(other: Chosen) -> None:
    assert list(judge_twins((chosen(CU128, TORCH), other), PYPROJECT.source)) == []


def test_variants_without_any_cuda_package_are_no_twins() -> None:
    assert list(judge_twins((chosen(CU128, NUMPY), chosen(replace(CU128, name="b"), NUMPY)), PYPROJECT.source)) == []


LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "python_full_version": "3.12.0"}
ARM = {**LINUX, "platform_machine": "aarch64"}
MAC = {**LINUX, "sys_platform": "darwin", "platform_machine": "arm64"}
WINDOWS = {**LINUX, "sys_platform": "win32", "platform_machine": "AMD64"}
OTHER = {**LINUX, "sys_platform": "freebsd14"}


@pytest.mark.parametrize(
    ("platforms", "targets"),
    [
        ((), [LINUX, ARM, MAC, WINDOWS, OTHER]),
        (("any",), [LINUX, ARM, MAC, WINDOWS, OTHER]),
        (("manylinux_2_28_x86_64",), [LINUX, OTHER]),
        (("manylinux2014_x86_64",), [LINUX, OTHER]),
        (("musllinux_1_2_aarch64",), [ARM, OTHER]),
        (("linux_x86_64", "win_amd64"), [LINUX, WINDOWS, OTHER]),
        (("macosx_11_0_arm64",), [MAC, OTHER]),
        (("macosx_11_0_universal2",), [MAC, OTHER]),
        (("macosx_10_9_x86_64", "win32", "win_arm64"), [OTHER]),
    ],
)
def test_which_platforms_are_for_a_target(platforms: tuple[str, ...], targets: list[dict[str, str]]) -> None:
    variant = replace(CU128, platforms=platforms)
    assert [target for target in (LINUX, ARM, MAC, WINDOWS, OTHER) if is_for_target(variant, target)] == targets


def test_python_and_markers_count_too() -> None:
    assert not is_for_target(replace(CU128, requires_python=">=3.13"), LINUX)
    assert not is_for_target(replace(CU128, environments=("sys_platform == 'win32'",)), LINUX)
    assert is_for_target(replace(CU128, environments=("sys_platform == 'win32'",)), WINDOWS)
