"""The CUDA discipline of a variant's locked packages: one case per code, then the closures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.config import CudaBound, Variant
from cudapin.core.cuda import CudaVersion, parse_cuda
from cudapin.core.judge_cuda import bound_packages, judge_cuda, variant_cuda_text
from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.verdict import render_problems
from unit.support import A

if TYPE_CHECKING:
    from cudapin.errors import Problem

FACTS = read_facts({})
HASHED = LockedFile(name="x-1-py3-none-any.whl", url=None, hashes={"sha256": A})
CU128 = Variant(name="cu128", cuda=(CudaVersion(major=12, minor=8),))
CPU = Variant(name="cpu")


def package(
    name: str, version: str | None, *requires: str, direct: bool = False, index: str | None = None, line: int = 7
) -> LockedPackage:
    return LockedPackage(
        name=name, version=version, direct=direct, dependencies=requires, files=(HASHED,), index=index, line=line
    )


def judge(variant: Variant, *packages: LockedPackage, index: str | None = None) -> tuple[Problem, ...]:
    selection = Selection(packages=packages)
    bound = bound_packages(selection, FACTS, "linux", index=index)
    return judge_cuda(variant, selection, bound, "uv.lock", lambda file: not file.name.endswith("win_amd64.whl"))


def found(problems: tuple[Problem, ...]) -> list[tuple[str, str, str | None]]:
    return [(problem.code.name, problem.level, problem.package) for problem in problems]


TORCH = package("torch", "2.9.0+cu128", "nvidia-cublas-cu12", direct=True)
CUBLAS = package("nvidia-cublas-cu12", "12.8.4.1")


def test_a_variant_of_its_own_cuda_is_fine() -> None:
    assert judge(CU128, TORCH, CUBLAS, package("numpy", "2.0", direct=True)) == ()


@pytest.mark.parametrize(
    ("variant", "packages", "expected"),
    [
        (
            CU128,
            [package("torch", "2.9.0+cu130", direct=True)],
            (
                "error[CP301]: `torch` of variant `cu128` is a build for CUDA 13.0\n"
                "  --> uv.lock:7 (torch)\n"
                "  why: wanted CUDA 12.8, the lock has `torch 2.9.0+cu130` (the local version label `+cu130`)\n"
                "  fix: correct the requirement or the index of `torch` for `cu128`, then lock again"
            ),
        ),
        (
            CU128,
            [package("torch", "2.9.0+cu126", direct=True)],
            (
                "error[CP301]: `torch` of variant `cu128` is a build for CUDA 12.6\n"
                "  --> uv.lock:7 (torch)\n"
                "  why: wanted CUDA 12.8, the lock has `torch 2.9.0+cu126` (the local version label `+cu126`)\n"
                "  fix: correct the requirement or the index of `torch` for `cu128`, then lock again"
            ),
        ),
        (
            CU128,
            [package("torch", "2.9.0+rocm6.4", direct=True)],
            (
                "error[CP301]: `torch` of variant `cu128` is a build for another accelerator\n"
                "  --> uv.lock:7 (torch)\n"
                "  why: wanted CUDA 12.8, the lock has `torch 2.9.0+rocm6.4` (the local version label `+rocm6.4`)\n"
                "  fix: correct the requirement or the index of `torch` for `cu128`, then lock again"
            ),
        ),
        (
            CU128,
            [
                package("vllm", "1.0+cu128", "a", "b", direct=True),
                package("a", "1", "nvidia-cublas-cu12"),
                package("b", "1", "nvidia-cudnn-cu13"),
                CUBLAS,
                package("nvidia-cudnn-cu13", "9.1"),
            ],
            (
                "error[CP301]: `nvidia-cudnn-cu13` of variant `cu128` is a build for CUDA 13\n"
                "  --> uv.lock:7 (nvidia-cudnn-cu13)\n"
                "  why: wanted CUDA 12.8, the lock has `nvidia-cudnn-cu13 9.1` (`cu13` in the name)\n"
                "  fix: correct the requirement or the index of `nvidia-cudnn-cu13` for `cu128`, then lock again\n"
                "error[CP302]: `vllm` of variant `cu128` requires several CUDA majors\n"
                "  --> uv.lock:7 (vllm)\n"
                "  why: wanted one CUDA major in its closure, found "
                "CUDA 12: `nvidia-cublas-cu12`, `vllm`; CUDA 13: `nvidia-cudnn-cu13`\n"
                "  fix: constrain the packages of the other major, then lock again (`uv.lock`)"
            ),
        ),
        (
            CU128,
            [package("torch", "2.9.0+cpu", direct=True)],
            (
                "error[CP303]: `torch` of variant `cu128` is a build without CUDA\n"
                "  --> uv.lock:7 (torch)\n"
                "  why: wanted CUDA 12.8, the lock has `torch 2.9.0+cpu` (the local version label `+cpu`)\n"
                "  fix: correct the requirement or the index of `torch` for `cu128`, then lock again"
            ),
        ),
        (
            CPU,
            [TORCH],
            (
                "error[CP304]: `torch` of variant `cpu` is a build for CUDA 12.8\n"
                "  --> uv.lock:7 (torch)\n"
                "  why: wanted no CUDA, the lock has `torch 2.9.0+cu128` (the local version label `+cu128`)\n"
                "  fix: correct the requirement or the index of `torch` for `cpu`, then lock again"
            ),
        ),
        (
            CU128,
            [package("torch", "2.9.0", direct=True, index="https://index.example/simple")],
            (
                "error[CP305]: of which CUDA `torch` in variant `cu128` is cannot be told\n"
                "  --> uv.lock:7 (torch)\n"
                "  why: version `2.9.0` names no CUDA, and the address of its index names none\n"
                "  fix: lock it from an index of one CUDA, or name its pattern in `tool.cudapin.cuda-bound.torch`"
            ),
        ),
        (
            CU128,
            [LockedPackage(name="torch", version="2.9.0+cu128", direct=True)],
            (
                "error[CP306]: `torch` of variant `cu128` is locked without a hash\n"
                "  --> uv.lock (torch)\n"
                "  why: wanted a hash for every file that could be installed, found no hash at all\n"
                "  fix: lock from an index that publishes hashes, or with `--generate-hashes`"
            ),
        ),
        (
            CU128,
            [TORCH, CUBLAS, package("other", "1", "nvidia-nccl-cu13", direct=True), package("nvidia-nccl-cu13", "2")],
            (
                "warning[CP307]: `nvidia-nccl-cu13` of variant `cu128` is a build for CUDA 13, "
                "outside the closure of the variant's own packages\n"
                "  --> uv.lock:7 (nvidia-nccl-cu13)\n"
                "  why: wanted CUDA 12.8, the lock has `nvidia-nccl-cu13 2` (`cu13` in the name)\n"
                "  fix: correct the requirement or the index of `nvidia-nccl-cu13` for `cu128`, then lock again"
            ),
        ),
    ],
    ids=["CP301 major", "CP301 minor", "CP301 rocm", "CP302", "CP303", "CP304", "CP305", "CP306", "CP307"],
)
def test_each_code(variant: Variant, packages: list[LockedPackage], expected: str) -> None:
    assert render_problems(judge(variant, *packages)) == expected


def test_a_framework_of_another_major_is_an_error_whoever_asks_for_it() -> None:
    packages = (
        package("lib", "1", "torch", direct=True),
        package("torch", "2.9.0+cu130", "nvidia-cublas"),
        package("nvidia-cublas", "13.0.1"),
    )
    assert found(judge(CU128, *packages)) == [
        ("CP301", "error", "torch"),
        ("CP307", "warning", "nvidia-cublas"),
    ]


@pytest.mark.parametrize(
    ("name", "version", "direct", "expected"),
    [
        ("nvidia-cuda-runtime-cu12", "12.6.77", False, []),
        ("nvidia-cuda-runtime-cu12", "12.6.77", True, [("CP301", "error", "nvidia-cuda-runtime-cu12")]),
        ("nvidia-cudnn-cu12", "9.1", True, []),
        ("torchvision", "0.24.0+cu126", False, [("CP301", "error", "torchvision")]),
        ("cupy-cuda12x", "13.6", False, []),
    ],
)
def test_the_minor_counts_for_what_is_named_and_for_frameworks(
    name: str, version: str, expected: list[tuple[str, str, str]], *, direct: bool
) -> None:
    torch = package("torch", "2.9.0+cu128", name, direct=True)
    assert found(judge(CU128, torch, package(name, version, direct=direct))) == expected


def test_a_variant_of_a_major_takes_every_minor() -> None:
    variant = Variant(name="cu12", cuda=(parse_cuda("12"),))
    assert judge(variant, package("torch", "2.9.0+cu126", direct=True), package("torchvision", "1+cu128")) == ()


def test_a_variant_of_several_cudas() -> None:
    variant = Variant(name="both", cuda=(parse_cuda("12"), parse_cuda("13.0")))
    assert variant_cuda_text(variant) == "CUDA 12 or 13.0"
    packages = (package("torch", "2.9.0+cu130", "nvidia-cublas-cu12", direct=True), CUBLAS)
    assert judge(variant, *packages) == ()


def test_without_edges_everything_counts() -> None:
    assert found(judge(CU128, package("torch", "2.9.0+cu128"), package("nvidia-nccl-cu13", "2"))) == [
        ("CP301", "error", "nvidia-nccl-cu13")
    ]


def test_mixtures_within_an_unlabelled_frameworks_closure() -> None:
    packages = (
        package("cupy-cuda12x", "13.6", "helper", direct=True),
        package("helper", "1", "nvidia-cuda-runtime"),
        package("nvidia-cuda-runtime", "13.0.1"),
    )
    assert found(judge(CU128, *packages)) == [
        ("CP301", "error", "nvidia-cuda-runtime"),
        ("CP302", "error", "cupy-cuda12x"),
    ]


def test_closures_end_in_cycles_too() -> None:
    packages = (package("torch", "2.9.0+cu128", "triton", direct=True), package("triton", "3", "torch", "gone"))
    assert judge(CU128, *packages) == ()


@pytest.mark.parametrize(
    ("kind", "files", "expected"),
    [
        ("registry", (HASHED,), None),
        ("registry", (), "no hash at all"),
        ("registry", (HASHED, LockedFile(name="t-win_amd64.whl", url=None, hashes={})), None),
        ("registry", (HASHED, LockedFile(name="t.tar.gz", url=None, hashes={})), "`t.tar.gz`"),
        (
            "registry",
            tuple(LockedFile(name=f"{n}.whl", url=None, hashes={}) for n in "abcd"),
            "`a.whl`, `b.whl`, `c.whl`",
        ),
        ("url", (), "no hash at all"),
        ("git", (), None),
        ("path", (), None),
        ("directory", (), None),
    ],
)
def test_hashes(kind: str, files: tuple[LockedFile, ...], expected: str | None) -> None:
    torch = LockedPackage(name="torch", version="2.9.0+cu128", kind=kind, files=files, direct=True)  # type: ignore[arg-type]
    whys = [problem.why for problem in judge(CU128, torch)]
    start = "wanted a hash for every file that could be installed, found "
    assert whys == ([] if expected is None else [start + expected])


def test_packages_that_are_bound_to_no_cuda_need_no_hash() -> None:
    assert judge(CPU, LockedPackage(name="numpy", version="2")) == ()


def test_a_cuda_variant_that_selects_no_package_of_a_cuda() -> None:
    variant = replace(CU128, extra=("cu128",), group=())
    assert render_problems(judge(variant, LockedPackage(name="numpy", version="2"))) == (
        "warning[CP308]: variant `cu128` selects no package of a CUDA from its lock\n"
        "  --> uv.lock\n"
        "  why: wanted packages of CUDA 12.8, found none among 1 that extra `cu128` selects\n"
        "  fix: name what selects it: `extra` or `group` in `[tool.cudapin.variants.cu128]`"
    )


def test_an_index_stands_in_where_the_lock_records_none() -> None:
    torch = package("torch", "2.9.0", direct=True, index="")
    assert found(judge(CU128, torch)) == [("CP305", "error", "torch")]
    assert judge(CU128, torch, index="https://index.example/whl/cu128") == ()
    assert found(judge(CU128, torch, index="https://index.example/whl/cu126")) == [("CP301", "error", "torch")]


def test_the_runtime_in_its_closure_speaks_for_torch() -> None:
    torch = package("torch", "2.9.0", "triton", direct=True, index="")
    triton = package("triton", "3", "nvidia-cuda-runtime-cu12", index="")
    right = package("nvidia-cuda-runtime-cu12", "12.8.90", index="")
    assert judge(CU128, torch, triton, right) == ()
    wrong = package("nvidia-cuda-runtime-cu12", "12.6.77", index="")
    (problem,) = judge(CU128, torch, triton, wrong)
    assert problem.why == (
        "wanted CUDA 12.8, the lock has `torch 2.9.0` (it requires `nvidia-cuda-runtime-cu12 12.6.77`)"
    )


def test_a_companion_of_torch_that_says_nothing_is_only_a_warning() -> None:
    vision = package("torchvision", "0.24.0", direct=True, index="https://index.example/simple")
    assert found(judge(CU128, TORCH, CUBLAS, vision)) == [("CP305", "warning", "torchvision")]
    assert found(judge(CU128, vision)) == [("CP305", "error", "torchvision")]


def test_a_cuda_library_below_a_package_without_cuda_is_a_warning() -> None:
    xgboost, nccl = package("xgboost", "3", "nvidia-nccl-cu12", direct=True), package("nvidia-nccl-cu12", "2.27")
    assert found(judge(CPU, xgboost, nccl)) == [("CP307", "warning", "nvidia-nccl-cu12")]
    assert found(judge(CPU, package("nvidia-nccl-cu12", "2.27", direct=True))) == [
        ("CP304", "error", "nvidia-nccl-cu12")
    ]


def test_own_rules_bind_own_packages() -> None:
    selection = Selection(packages=(package("our-kernels", "1.0+k13", direct=True),))
    rules = [CudaBound(name="our-kernels", pattern=r"k(?P<major>\d\d)")]
    bound = bound_packages(selection, FACTS, "linux", rules)
    assert found(judge_cuda(CU128, selection, bound, "uv.lock", lambda _: True)) == [("CP301", "error", "our-kernels")]


def test_words() -> None:
    assert (variant_cuda_text(CPU), variant_cuda_text(CU128)) == ("no CUDA", "CUDA 12.8")
