"""The CUDA discipline of a variant's locked packages: one case per code, then the closures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.config import CudaBound, Variant
from cudapin.core.cuda import CudaVersion, parse_cuda
from cudapin.core.cuda_fix import Setting, find_indexes, find_named
from cudapin.core.judge_cuda import bound_packages, judge_cuda, variant_cuda_text
from cudapin.core.judge_target import judge_coverage
from cudapin.core.lock import LockedFile, LockedPackage, Selection
from cudapin.core.verdict import render_problems
from cudapin.errors import Where
from unit.support import A

if TYPE_CHECKING:
    from cudapin.errors import Problem

FACTS = read_facts({})
HASHED = LockedFile(name="x-1-py3-none-any.whl", url=None, hashes={"sha256": A})
CU128 = Variant(name="cu128", cuda=(CudaVersion(major=12, minor=8),))
CPU = Variant(name="cpu")
LINUX = Setting(lock_path="uv.lock")
UV = Setting(lock_path="uv.lock", format="uv", named=frozenset({"torch"}))


def package(
    name: str, version: str | None, *requires: str, direct: bool = False, index: str | None = None, line: int = 7
) -> LockedPackage:
    return LockedPackage(
        name=name, version=version, direct=direct, dependencies=requires, files=(HASHED,), index=index, line=line
    )


def judge(
    variant: Variant, *packages: LockedPackage, index: str | None = None, setting: Setting = LINUX
) -> tuple[Problem, ...]:
    selection = Selection(packages=packages)
    bound = bound_packages(selection, FACTS, setting.platform, index=index)
    return judge_cuda(variant, selection, bound, setting, lambda file: not file.name.endswith("win_amd64.whl"))


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
                "  why: wanted CUDA 12.8, the lock has `nvidia-cudnn-cu13 9.1` (`cu13` in the name), "
                "required by `b`\n"
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
                "  why: wanted CUDA 12.8, the lock has `nvidia-nccl-cu13 2` (`cu13` in the name), "
                "required by `other`\n"
                "  fix: leave out what needs it, or accept it: `[[tool.cudapin.allow]]` with "
                '`code = "CP307"`, `package = "nvidia-nccl-cu13"`'
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
    assert found(judge(CU128, *packages)) == [("CP301", "error", "torch")]
    both = (*packages, package("cudart", "1", "nvidia-cuda-runtime", direct=True), package("nvidia-cuda-runtime", "13"))
    assert found(judge(CU128, *both)) == [("CP301", "error", "torch"), ("CP307", "warning", "nvidia-cuda-runtime")]


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
    assert judge(variant, package("torch", "2.9.0+cu126", direct=True), package("torchvision", "1+cu126")) == ()
    assert judge(variant, package("torch", "2.9.0+cu129", direct=True), package("flash-attn", "1+cu12torch2.9")) == ()


def test_a_variant_of_several_cudas() -> None:
    variant = Variant(name="both", cuda=(parse_cuda("12"), parse_cuda("13.0")))
    assert variant_cuda_text(variant) == "CUDA 12 or 13.0"
    own = package("our-own", "1", "nvidia-cublas-cu12", "nvidia-cublas", direct=True)
    packages = (package("torch", "2.9.0+cu130", direct=True), own, CUBLAS, package("nvidia-cublas", "13.1"))
    assert judge(variant, *packages) == ()
    mixed = (package("torch", "2.9.0+cu130", "nvidia-cublas-cu12", direct=True), CUBLAS)
    assert found(judge(variant, *mixed)) == [("CP302", "error", "torch")]


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
        "warning[CP308]: variant `cu128` selects no package of a CUDA from `uv.lock`\n"
        "  --> uv.lock\n"
        "  why: wanted packages of CUDA 12.8, found none; it selects 1 in all, by extra `cu128`\n"
        "  fix: name what selects it: `extra` or `group` in `[tool.cudapin.variants.cu128]`"
    )


def test_what_is_named_and_not_selected_is_said() -> None:
    variant = replace(CU128, extra=("cu128",), group=("gpu",))
    (problem,) = judge(variant, package("numpy", "2"), setting=replace(UV, named=frozenset({"torch", "cupy", "numpy"})))
    assert problem.why == (
        "wanted packages of CUDA 12.8, found none; it selects 1 in all, by extra `cu128` and group `gpu`; "
        "`cupy`, `torch` would be, but a marker, an override or an exclusion leaves it out"
    )


def test_an_index_stands_in_where_the_lock_records_none() -> None:
    torch = package("torch", "2.9.0", direct=True, index="")
    assert found(judge(CU128, torch)) == [("CP305", "error", "torch")]
    assert judge(CU128, torch, index="https://index.example/whl/cu128") == ()
    assert found(judge(CU128, torch, index="https://index.example/whl/cu126")) == [("CP301", "error", "torch")]


def test_the_runtime_that_it_requires_speaks_for_torch() -> None:
    torch = package("torch", "2.9.0", "triton", "nvidia-cuda-runtime-cu12", direct=True, index="")
    triton = package("triton", "3", index="")
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


# Families


def test_two_of_torchs_family_of_different_cuda() -> None:
    variant = Variant(name="cu12", cuda=(parse_cuda("12"),))
    packages = (package("torch", "2.9.0+cu126", direct=True), package("torchvision", "0.24.0+cu128", line=9))
    assert render_problems(judge(variant, *packages)) == (
        "error[CP309]: `torchvision` and `torch` of variant `cu12` are of different CUDA\n"
        "  --> uv.lock:9 (torchvision)\n"
        "  why: wanted one CUDA, the lock has `torchvision 0.24.0+cu128` of CUDA 12.8 "
        "(the local version label `+cu128`) and `torch 2.9.0+cu126` of CUDA 12.6 "
        "(the local version label `+cu126`)\n"
        "  fix: correct the requirement or the index of `torchvision` for `cu12`, then lock again"
    )


@pytest.mark.parametrize(
    ("variant", "torch", "other", "expected"),
    [
        (CPU, "2.9.0+cpu", "0.24.0+rocm6.4", [("CP309", "error", "torchvision")]),
        (CPU, "2.9.0+cpu", "0.24.0+cpu", []),
        (CPU, "2.9.0+rocm6.4", "0.24.0+rocm6.4", []),
        (CPU, "2.9.0+cpu", "0.24.0+cu128", [("CP304", "error", "torchvision")]),
        (CU128, "2.9.0+cu128", "0.24.0+cpu", [("CP303", "error", "torchvision")]),
        (CU128, "2.9.0+cu126", "0.24.0+cu128", [("CP301", "error", "torch")]),
        (CU128, "2.9.0+cu128", "0.24.0", [("CP305", "warning", "torchvision")]),
    ],
)
def test_families(variant: Variant, torch: str, other: str, expected: list[tuple[str, str, str]]) -> None:
    vision = package("torchvision", other, index="https://index.example/simple")
    assert found(judge(variant, package("torch", torch, direct=True), vision)) == expected


def test_only_families_must_agree() -> None:
    variant = Variant(name="both", cuda=(parse_cuda("12"), parse_cuda("13")))
    torch = package("torch", "2.9.0+cu128", direct=True)
    assert judge(variant, torch, package("cupy-cuda13x", "14.2.0")) == ()
    assert found(judge(variant, torch, package("xformers", "0.0.35+cu130"))) == [("CP309", "error", "xformers")]


TORCH_2_15 = (
    package("torch", "2.15.0", "cuda-toolkit", "nvidia-cudnn-cu13", direct=True),
    package("cuda-toolkit", "13.2.2", "nvidia-cuda-runtime"),
    package("nvidia-cuda-runtime", "13.2.86"),
    package("nvidia-cudnn-cu13", "9.26.0.51"),
)
CU132 = Variant(name="cu132", cuda=(parse_cuda("13.2"),), extra=("cu132",))


def test_the_closure_of_torch_does_not_speak_for_what_requires_torch() -> None:
    """Xformers 0.0.35 requires torch>=2.10 and links libcudart.so.12: uv locks it beside a torch of CUDA 13."""
    xformers = package("xformers", "0.0.35", "torch", direct=True)
    flash = package("flash-attn", "2.8.3", "torch", direct=True)
    assert found(judge(CU132, *TORCH_2_15)) == []
    assert found(judge(CU132, *TORCH_2_15, xformers)) == [("CP301", "error", "xformers")]
    assert found(judge(CU132, *TORCH_2_15, flash)) == [("CP305", "warning", "flash-attn")]


def test_torchaudio_requires_no_torch_and_may_be_of_another() -> None:
    torch = package("torch", "2.9.0", "nvidia-cuda-runtime-cu12", direct=True)
    runtime = package("nvidia-cuda-runtime-cu12", "12.8.90")
    (problem,) = judge(CU128, torch, runtime, package("torchaudio", "2.11.0", direct=True))
    assert problem.why == (
        "wanted CUDA 12.8, the lock has `torchaudio 2.11.0` "
        "(`torchaudio` 2.11.0 of the default index is built for CUDA 13 on linux)"
    )


def test_what_has_no_wheel_is_compiled_where_it_is_installed() -> None:
    sdist = LockedFile(name="flash_attn-2.8.3.tar.gz", url=None, hashes={"sha256": A})
    (problem,) = judge(CU132, *TORCH_2_15, LockedPackage(name="flash-attn", version="2.8.3", files=(sdist,)))
    assert problem.why == (
        "version `2.8.3` names no CUDA, and it comes from the default index; "
        "the lock has no wheel of it, so it is compiled where it is installed"
    )


def test_the_runtime_speaks_for_tensorflow_and_for_what_may_take_any_of_a_major() -> None:
    tensorflow = package("tensorflow", "2.20.0", "nvidia-cuda-runtime-cu12", direct=True)
    runtime = package("nvidia-cuda-runtime-cu12", "12.9.79")
    assert judge(CU128, tensorflow, runtime) == ()
    assert found(judge(CU132, tensorflow, runtime)) == [("CP301", "error", "tensorflow")]
    assert found(judge(CPU, tensorflow, runtime)) == [("CP304", "error", "tensorflow")]
    assert judge(CPU, package("tensorflow", "2.20.0", direct=True)) == ()
    onnx = package("onnxruntime-gpu", "1.99.1", "nvidia-cuda-runtime", direct=True)
    assert judge(CU132, onnx, package("nvidia-cuda-runtime", "13.5.37")) == ()


def test_what_another_library_requires_does_not_speak() -> None:
    """Vllm requires nvidia-cutlass-dsl, which requires a runtime of its own choice."""
    vllm = package("vllm", "0.23.0", "nvidia-cutlass-dsl", direct=True)
    cutlass = package("nvidia-cutlass-dsl", "4.6.0", "nvidia-cuda-runtime-cu12")
    runtime = package("nvidia-cuda-runtime-cu12", "12.9.79")
    assert found(judge(CU128, vllm, cutlass, runtime)) == [("CP305", "error", "vllm")]


def test_two_runtimes_tell_nothing() -> None:
    onnx = package("onnxruntime-gpu", "1.99.1", "nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12", direct=True)
    both = (package("nvidia-cuda-runtime", "13.2.1"), package("nvidia-cuda-runtime-cu12", "12.9.1"))
    assert found(judge(Variant(name="gpu", cuda=(parse_cuda("12"), parse_cuda("13"))), onnx, *both)) == [
        ("CP305", "error", "onnxruntime-gpu")
    ]


def test_libraries_of_a_framework_that_is_wrong_already_are_not_listed() -> None:
    assert found(judge(CPU, *TORCH_2_15)) == [("CP304", "error", "torch")]
    assert found(judge(CU128, *TORCH_2_15)) == [("CP301", "error", "torch")]


def test_a_long_mixture_is_shortened() -> None:
    names = [f"nvidia-{letter}-cu12" for letter in "abcdef"]
    packages = [package(name, "1") for name in names]
    torch = package("torch", "2.15.0+cu132", *names, direct=True)
    (whole,) = (problem.why for problem in judge(CU132, torch, *packages) if problem.code.name == "CP302")
    assert whole == (
        "wanted one CUDA major in its closure, found CUDA 12: `nvidia-a-cu12`, `nvidia-b-cu12`, `nvidia-c-cu12`, "
        "`nvidia-d-cu12` and 2 more; CUDA 13: `torch`"
    )


def test_a_wrong_package_that_requires_two_majors_itself() -> None:
    vllm = package("vllm", "1+cu126", "nvidia-cublas-cu12", "nvidia-cudnn-cu13", direct=True)
    assert found(judge(CU128, vllm, CUBLAS, package("nvidia-cudnn-cu13", "9"))) == [
        ("CP301", "error", "vllm"),
        ("CP301", "error", "nvidia-cudnn-cu13"),
        ("CP302", "error", "vllm"),
    ]


def test_a_wrong_package_is_no_mixture_with_what_it_requires() -> None:
    cutlass = package("nvidia-cutlass-dsl", "4.6.0", "nvidia-cutlass-dsl-libs-cu12", direct=True)
    libs = package("nvidia-cutlass-dsl-libs-cu12", "4.6.0")
    assert found(judge(CU132, *TORCH_2_15, cutlass, libs)) == [
        ("CP307", "warning", "nvidia-cutlass-dsl-libs-cu12"),
    ]


# Platforms and files


def test_no_cuda_on_macos() -> None:
    mac = replace(UV, platform="macos")
    packages = (
        package("torch", "2.9.0", direct=True),
        package("torchvision", "0.24.0", direct=True),
        package("torchaudio", "2.9.0+cpu", direct=True),
    )
    assert render_problems(judge(CU128, *packages[:2], setting=mac)) == (
        "error[CP303]: `torch` of variant `cu128` is a build without CUDA on macos\n"
        "  --> uv.lock:7 (torch)\n"
        "  why: wanted CUDA 12.8, the lock has `torch 2.9.0` "
        "(`torch` 2.9.0 of the default index is built for the CPU on macos)\n"
        "  fix: say where `cu128` exists: `environments = [\"sys_platform != 'darwin'\"]` in "
        "`[tool.cudapin.variants.cu128]`"
    )
    assert found(judge(CU128, *packages, setting=mac))[1:] == [("CP303", "error", "torchaudio")]
    assert found(judge(CU128, packages[1], setting=mac)) == [("CP303", "error", "torchvision")]
    assert judge(CPU, *packages, setting=mac) == ()
    (none,) = judge(replace(CU128, name="cu12.8"), package("numpy", "2"), setting=mac)
    assert none.fix == (
        "say where `cu12.8` exists: `environments = [\"sys_platform != 'darwin'\"]` in "
        '`[tool.cudapin.variants."cu12.8"]`'
    )


def test_other_platforms_without_cuda_on_the_default_index() -> None:
    torch = package("torch", "2.9.0", direct=True)
    for platform in ("windows", "linux-aarch64"):
        (problem,) = judge(CU128, torch, setting=replace(LINUX, platform=platform))
        assert problem.what == f"`torch` of variant `cu128` is a build without CUDA on {platform}"
    (problem,) = judge(CU128, package("torch", "2.9.0+cpu", direct=True), setting=replace(LINUX, platform="windows"))
    assert problem.what == "`torch` of variant `cu128` is a build without CUDA"


def test_no_file_for_the_target() -> None:
    files = (LockedFile(name="torch-2.9.0+cu128-cp312-cp312-win_amd64.whl", url=None, hashes={}),)
    torch = LockedPackage(name="torch", version="2.9.0+cu128", files=files, direct=True, line=3)
    setting = replace(LINUX, target="Python 3.12 on linux x86_64")
    assert render_problems(judge(CU128, torch, setting=setting)) == (
        "warning[CP312]: variant `cu128` selects `torch` without a file that Python 3.12 on linux x86_64 "
        "could install\n"
        "  --> uv.lock:3 (torch)\n"
        "  why: wanted one for it, the lock has files of `torch` for others, such as "
        "`torch-2.9.0+cu128-cp312-cp312-win_amd64.whl`\n"
        "  fix: say where `cu128` exists (`environments`, `requires-python`), or check for another target with "
        "`--python` and `--platform`"
    )
    more = [replace(torch, name=f"nvidia-{letter}-cu12", version="12", direct=False) for letter in "abcd"]
    (problem,) = judge(CU128, torch, *more)
    assert problem.what == (
        "variant `cu128` selects `torch`, `nvidia-a-cu12`, `nvidia-b-cu12` and 2 more without a file that "
        "this Python could install"
    )


def test_what_a_lock_covers() -> None:
    where = Where(path="uv.lock", line=4, key="supported-markers")
    linux = {"sys_platform": "linux", "platform_machine": "x86_64"}

    def covered(*markers: str) -> tuple[Problem, ...]:
        return judge_coverage(markers, linux, where, "Python 3.12 on linux x86_64")

    assert covered() == covered("sys_platform == 'darwin'", "sys_platform == 'linux'") == covered("broken") == ()
    assert render_problems(covered("sys_platform == 'darwin'", "sys_platform == 'win32'")) == (
        "warning[CP312]: `uv.lock` does not cover Python 3.12 on linux x86_64\n"
        "  --> uv.lock:4 (supported-markers)\n"
        "  why: wanted a lock for it, this one is made for `sys_platform == 'darwin'`, `sys_platform == 'win32'` only\n"
        "  fix: check for one of these with `--python` and `--platform`, or widen `tool.uv.environments`"
    )


def test_the_fix_where_nothing_is_selected() -> None:
    (problem,) = judge(CU128, package("numpy", "2"), setting=replace(LINUX, format="requirements", lock_path="r.txt"))
    assert problem.fix == "require what is of its CUDA where `r.txt` is made from, then make it anew"


# What mends it


def fix(variant: Variant, setting: Setting, name: str = "torch", version: str = "2.9.0+cu126", **kwargs: Any) -> str:
    (problem,) = judge(variant, package(name, version, direct=kwargs.pop("direct", True), **kwargs), setting=setting)
    return problem.fix


EXTRA = replace(CU128, extra=("cu128",), group=())
INDEX = (
    '`[[tool.uv.index]]` with `name = "pytorch-cu128"`, `url = "https://download.pytorch.org/whl/cu128"`, '
    "`explicit = true`"
)
BESIDE = "in `[tool.uv.sources]` (beside the entries of other variants)"


@pytest.mark.parametrize(
    ("variant", "setting", "expected"),
    [
        (
            EXTRA,
            UV,
            f'`torch = [{{ index = "pytorch-cu128", extra = "cu128" }}]` {BESIDE}, {INDEX}; then `uv lock`',
        ),
        (
            EXTRA,
            replace(UV, named=frozenset()),
            f'`torch = [{{ index = "pytorch-cu128", extra = "cu128" }}]` {BESIDE}, {INDEX}, '
            "`torch` among the requirements of extra `cu128`; then `uv lock`",
        ),
        (
            replace(CU128, extra=(), group=("gpu",)),
            replace(UV, indexes={"cpu": "https://a.example/whl/cpu", "our": "https://me:pw@a.example/whl/cu128/"}),
            f'`torch = [{{ index = "our", group = "gpu" }}]` {BESIDE}; then `uv lock`',
        ),
        (
            replace(CU128, extra=(), group=()),
            replace(UV, indexes={"our": "https://a.example/whl/cu128"}),
            f'`torch = [{{ index = "our" }}]` {BESIDE}; then `uv lock`',
        ),
        (
            EXTRA,
            replace(LINUX, lock_path="locks/cu128.txt", format="requirements"),
            "uv pip compile pyproject.toml --extra cu128 --torch-backend cu128 --generate-hashes -o locks/cu128.txt",
        ),
        (
            replace(CU128, extra=(), group=("cu128",)),
            replace(LINUX, lock_path="pylock.cu128.toml", format="pylock"),
            "uv pip compile pyproject.toml --group cu128 --torch-backend cu128 -o pylock.cu128.toml",
        ),
        (
            CU128,
            replace(LINUX, lock_path="r.txt", format="requirements"),
            "uv pip compile pyproject.toml --torch-backend cu128 --generate-hashes -o r.txt",
        ),
        (
            EXTRA,
            replace(LINUX, format="poetry"),
            "`poetry source add --priority explicit pytorch-cu128 https://download.pytorch.org/whl/cu128`, give "
            '`torch` `source = "pytorch-cu128"` where it is required, then `poetry lock`',
        ),
        (
            EXTRA,
            replace(LINUX, format="pdm"),
            "correct the requirement or the index of `torch` for `cu128`, then lock again",
        ),
    ],
    ids=["uv", "not named", "own index", "no selector", "requirements", "pylock", "whole project", "poetry", "pdm"],
)
def test_the_fix_of_each_format(variant: Variant, setting: Setting, expected: str) -> None:
    assert fix(variant, setting) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("uv pip compile x.in --universal -o r.txt", "uv pip compile --torch-backend cu128 x.in --universal -o r.txt"),
        ("uv pip compile x.in --torch-backend=cu126", "uv pip compile x.in --torch-backend=cu128"),
        ("uv pip compile --torch-backend auto x.in", "uv pip compile --torch-backend cu128 x.in"),
        (
            "uv pip compile x.in --index https://index.example/whl/cpu",
            "uv pip compile x.in --index https://index.example/whl/cu128",
        ),
        ("uv pip compile x.in --find-links https://index.example/whl/x", None),
        ("pip-compile x.in", "uv pip compile pyproject.toml --torch-backend cu128 --generate-hashes -o r.txt"),
        (None, "uv pip compile pyproject.toml --torch-backend cu128 --generate-hashes -o r.txt"),
    ],
)
def test_the_fix_repeats_the_command_that_made_the_lock(command: str | None, expected: str | None) -> None:
    setting = replace(LINUX, lock_path="r.txt", format="requirements", command=command)
    assert fix(CU128, setting) == (expected or command)


def test_the_fix_of_a_cpu_variant() -> None:
    setting = replace(UV, indexes={"pytorch-cpu": "https://download.pytorch.org/whl/cpu"})
    assert fix(replace(CPU, extra=("cpu",)), setting) == (
        f'`torch = [{{ index = "pytorch-cpu", extra = "cpu" }}]` {BESIDE}; then `uv lock`'
    )


def test_the_fix_of_a_variant_that_declares_no_cuda() -> None:
    assert fix(Variant(name="gpu"), UV) == (
        'add `cuda = "12.6"` to `[tool.cudapin.variants.gpu]`, if that is the CUDA of `gpu`'
    )


def test_the_fix_where_no_index_is_known() -> None:
    general = "correct the requirement or the index of `torch` for `cu12`, then lock again"
    assert fix(Variant(name="cu12", cuda=(parse_cuda("12"),)), UV, version="2.11.0+cu130") == general
    assert fix(CU128, UV, name="vllm", version="1+cu126") == general.replace("torch", "vllm").replace("cu12", "cu128")


def test_the_fix_of_what_is_required_by_another() -> None:
    problems = judge(CU128, package("our", "1", "vllm", direct=True), package("vllm", "1+cu126"), setting=UV)
    assert [(problem.why, problem.fix) for problem in problems] == [
        (
            "wanted CUDA 12.8, the lock has `vllm 1+cu126` (the local version label `+cu126`), required by `our`",
            "require another version of what needs it: `uv tree --frozen --invert --package vllm` shows what does",
        )
    ]


def test_who_requires_it_is_not_said_of_what_the_variant_names_itself() -> None:
    torch = package("torch", "2.9.0+cu126", direct=True)
    (problem,) = judge(CU128, torch, package("our", "1", "torch", direct=True))
    assert problem.why == "wanted CUDA 12.8, the lock has `torch 2.9.0+cu126` (the local version label `+cu126`)"


def test_what_the_tables_of_a_project_say() -> None:
    table: dict[str, Any] = {
        "project": {"optional-dependencies": {"Cu_128": ["Torch>=2", "x ; y", 7, "!"], "cpu": ["numpy"], "odd": "x"}},
        "dependency-groups": {"gpu": [{"include-group": "x"}, "cupy_cuda12x"]},
        "tool": {"uv": {"index": [{"name": "a", "url": "u"}, {"name": "b"}, "c", {"name": 1, "url": "u"}]}},
    }
    variant = Variant(name="v", extra=("cu-128", "odd"), group=("gpu",))
    assert find_named(table, variant) == {"torch", "x", "cupy-cuda12x"}
    assert find_indexes(table) == {"a": "u"}
    assert find_indexes({}) == {}
    assert find_indexes({"tool": {"uv": {"index": {"name": "a"}}}}) == {}
    assert find_named({"project": "x", "dependency-groups": []}, variant) == frozenset()
