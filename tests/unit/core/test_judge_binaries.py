"""The compiled files of a wheel against what it should hold: CUDA, architectures, no driver."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.binary import read_binary
from cudapin.core.compiled import Binary, binary_objects, cuda_of_path, is_cuda_library, uses_cuda
from cudapin.core.config import Variant
from cudapin.core.cuda import CudaVersion, parse_cuda
from cudapin.core.judge_binaries import Wanted, judge_binaries, wanted_of_variant, wanted_text
from cudapin.core.verdict import render_problems
from elves import CUBIN, CUDART_TEXTS, PTX, A, Entry, F, make_elf, make_fatbin, make_pe

FACTS = read_facts({})
CU126 = wanted_of_variant(Variant(name="cu126", cuda=(parse_cuda("12.6"),)))


def binary(path: str = "demo/_ext.so", content: bytes | None = None, **parts: object) -> Binary:
    data = make_elf(**parts) if content is None else content  # type: ignore[arg-type]
    return Binary(path=path, info=read_binary(io.BytesIO(data)))


def device(*entries: Entry) -> dict[str, bytes]:
    return {".nv_fatbin": make_fatbin(*entries)}


def judged(*binaries: Binary, wanted: Wanted = CU126) -> str:
    return render_problems(judge_binaries(binaries, wanted, FACTS))


def declared(*arch: str) -> Wanted:
    return wanted_of_variant(Variant(name="cu126", cuda=(parse_cuda("12.6"),), arch=arch))


@pytest.mark.parametrize(
    "library",
    [
        "libcudart.so.12",
        "libcudart-e8e8b82a.so.12",
        "libcublas.so.12",
        "libcufft.so.11",
        "libnvrtc.so.12",
        "libcusolver.so.11",  # of CUDA 11 or 12: decides nothing
        "libcusparse.so.12",
        "libcurand.so.10",
        "libcudnn.so.9",
        "libnccl.so.2",
        "libcuda.so.1",
        "libnvJitLink.so.12",
    ],
)
def test_a_library_of_the_right_cuda(library: str) -> None:
    assert judged(binary(needed=(library, "libc.so.6"))) == ""


@pytest.mark.parametrize(
    ("library", "major"),
    [
        ("libcudart.so.13", 13),
        ("libcudart.so.11.0", 11),
        ("libcudart.3eda8113.so.13", 13),
        ("libcublasLt.so.11", 11),
        ("libcufft.so.12", 13),
        ("libcusolver.so.12", 13),
        ("libcusparse.so.11", 11),
        ("libnvrtc.so.11.2", 11),
        ("libnppicc.so.13", 13),
    ],
)
def test_a_library_of_another_cuda(library: str, major: int) -> None:
    assert judged(binary(needed=(library,))) == (
        f"error[CP406]: `demo/_ext.so` is of CUDA {major}\n"
        "  --> demo/_ext.so\n"
        f"  why: wanted CUDA 12.6 (variant `cu126`), found that it needs `{library}`\n"
        "  fix: compile it against CUDA 12.6: look which toolkit the build names (`CUDA_HOME`) "
        "and which library it links"
    )


def test_windows() -> None:
    content = make_pe(needed=("cudart64_110.dll",), delayed=("cublas64_13.dll", "KERNEL32.dll"))
    found = judge_binaries([binary("demo/_ext.pyd", content)], CU126, FACTS)
    assert [problem.what for problem in found] == ["`demo/_ext.pyd` is of CUDA 11", "`demo/_ext.pyd` is of CUDA 13"]


def test_many_files_are_one_problem() -> None:
    files = [binary(f"demo/_{number}.so", needed=("libcudart.so.13", "libcublas.so.13")) for number in range(5)]
    (problem,) = judge_binaries(files, CU126, FACTS)
    assert problem.why == (
        "wanted CUDA 12.6 (variant `cu126`), found that it needs `libcudart.so.13` and it needs `libcublas.so.13`; "
        "the same of `demo/_1.so`, `demo/_2.so` and 2 more"
    )


def test_a_bundled_library_tells_by_its_own_name() -> None:
    found = judged(binary("demo.libs/libcudart-e8e8b82a.so.13", soname="libcudart-e8e8b82a.so.13"))
    assert "found that it is `libcudart.so.13`" in found


def test_ptx_is_of_its_toolkit_or_of_an_older_one() -> None:
    newer = device(Entry(kind=PTX, arch=90, version=(9, 0)))
    assert "is of CUDA 13\n" in judged(binary(fatbins=newer))
    assert "it has PTX of ISA 9.0" in judged(binary(fatbins=newer))
    older = device(Entry(kind=PTX, arch=80, version=(7, 8)), Entry(kind=PTX, arch=90, version=(8, 5)))
    assert judged(binary(fatbins=older)) == ""
    assert judged(binary(fatbins=device(Entry(kind=PTX, arch=80, version=(7, 8))))) == ""


def test_several_cudas_on_purpose() -> None:
    wanted = wanted_of_variant(Variant(name="gpu", cuda=(parse_cuda("11.8"), parse_cuda("12"))))
    assert judged(binary(needed=("libcudart.so.12",)), binary(needed=("libcudart.so.11.0",)), wanted=wanted) == ""
    assert "wanted CUDA 11.8 or 12 (variant `gpu`)" in judged(binary(needed=("libcudart.so.13",)), wanted=wanted)


@pytest.mark.parametrize(
    ("parts", "sign"),
    [
        ({"needed": ("libc.so.6", "libcurand.so.10")}, "it needs `libcurand.so.10`"),
        ({"needed": ("libcuda.so.1",)}, "it needs `libcuda.so.1`"),
        ({"needed": ("libtorch_cuda.so",)}, "it needs `libtorch_cuda.so`"),
        ({"fatbins": device(Entry(kind=CUBIN, arch=90))}, "it has device code (`sm_90`)"),
        ({"data": CUDART_TEXTS}, "it has the CUDA runtime in it"),
    ],
)
def test_a_variant_without_cuda(parts: dict[str, object], sign: str) -> None:
    wanted = wanted_of_variant(Variant(name="cpu"))
    assert judged(binary(needed=("libtorch.so", "libc10.so", "libc.so.6")), wanted=wanted) == ""
    assert judged(binary(**parts), wanted=wanted) == (
        "error[CP406]: `demo/_ext.so` has to do with CUDA\n"
        "  --> demo/_ext.so\n"
        f"  why: wanted no CUDA (variant `cpu`), found that {sign}\n"
        "  fix: compile it without CUDA, or give the variant its `cuda`"
    )


# The driver


@pytest.mark.parametrize(
    ("path", "soname"),
    [
        ("demo.libs/libcuda-1a2b3c4d.so.1", "libcuda-1a2b3c4d.so.1"),
        ("demo/libcuda.so.580.65.06", None),
        ("demo/mine.so", "libnvidia-ml.so.1"),
        ("demo/libnvidia-ptxjitcompiler.so.1", None),
    ],
)
def test_the_driver_is_bundled(path: str, soname: str | None) -> None:
    found = judged(binary(path, soname=soname))
    assert found.startswith(f"error[CP410]: the wheel bundles `{path}`, which is part of the driver\n  --> {path}\n")


@pytest.mark.parametrize("path", ["nvidia/lib/stubs/libcuda.so", "demo/libcudart.so.12", "demo/libnvidia.so.1"])
def test_no_driver(path: str) -> None:
    assert judged(binary(path)) == ""


# Minors


def ptx(major: int, minor: int) -> Binary:
    return binary(fatbins=device(Entry(arch=90), Entry(kind=PTX, arch=90, version=(major, minor))))


def test_ptx_of_a_newer_minor() -> None:
    assert judged(ptx(8, 7)) == (
        "warning[CP419]: `demo/_ext.so` has PTX of CUDA 12.8 or newer\n"
        "  --> demo/_ext.so\n"
        "  why: wanted CUDA 12.6 (variant `cu126`), found PTX of ISA 8.7, which a driver of CUDA 12.6 does not "
        "compile\n"
        "  fix: compile it with the nvcc of CUDA 12.6, or declare CUDA 12.8"
    )


@pytest.mark.parametrize(
    ("cuda", "isa"),
    [
        (["12.6"], (8, 5)),  # 12.5 and 12.6 write it
        (["12.6"], (8, 0)),
        (["12.6"], (7, 8)),
        (["12.6"], (8, 6)),  # of no toolkit that was released
        (["12"], (8, 8)),  # any minor
        (["12.6", "12"], (8, 8)),
        (["12.6", "12.9"], (8, 8)),
        (["12.6", "13.2"], (9, 2)),
    ],
)
def test_ptx_that_the_drivers_of_a_minor_compile(cuda: list[str], isa: tuple[int, int]) -> None:
    wanted = Wanted(cuda=tuple(parse_cuda(one) for one in cuda), says="its name", fix="do so")
    assert judged(ptx(*isa), wanted=wanted) == ""


def test_ptx_beside_other_claims() -> None:
    """A library of NVIDIA's own is as it is, and what a wheel merely requires says nothing about its minor."""
    library = replace(ptx(8, 7), path="demo/libs/libcublas-a3d1e2f4.so.12")
    assert judged(library) == ""
    required = Wanted(cuda=(parse_cuda("12.6"),), says="it requires `torch`", fix="do so", only_needed=True)
    assert judged(ptx(8, 7), wanted=required) == ""
    several = Wanted(cuda=(parse_cuda("12.4"), parse_cuda("12.6"), parse_cuda("13.0")), says="its name", fix="do so")
    assert "of CUDA 12.8 or newer" in judged(ptx(8, 7), wanted=several)
    assert "which a driver of CUDA 13.0 does not compile" in judged(ptx(9, 1), wanted=several)


# Architectures


def test_all_declared_architectures_are_there() -> None:
    entries = (
        Entry(arch=80),
        Entry(arch=90, flags=A | 0x11),
        Entry(arch=120),
        Entry(kind=PTX, arch=120, version=(8, 5)),
    )
    files = (binary(fatbins=device(*entries)), binary("demo/_host.so"))
    assert judged(*files, wanted=declared("8.0", "9.0a", "12.0+ptx")) == ""
    assert judged(binary(fatbins=device(Entry(arch=90, flags=A))), wanted=declared("9.0")) == ""  # it runs there
    assert judged(binary(fatbins=device(Entry(arch=100, flags=F))), wanted=declared("10.0")) == ""


def test_ptx_of_another_architecture_serves_newer_gpus() -> None:
    """But for that of one architecture alone, or of a family."""
    wanted = declared("12.0+ptx")
    for flags, is_said in ((0, False), (A, True), (F, True)):
        entries = (Entry(arch=120), Entry(kind=PTX, arch=90, flags=flags, version=(8, 0)))
        assert (
            "without PTX no newer GPU is served" in judged(binary(fatbins=device(*entries)), wanted=wanted)
        ) is is_said


def test_a_missing_architecture() -> None:
    found = judged(binary(fatbins=device(Entry(arch=80), Entry(arch=90))), wanted=declared("8.0", "9.0a", "12.0+ptx"))
    assert found.startswith(
        "error[CP408]: `demo/_ext.so` lacks `sm_90a`, `sm_120`, `compute_120`\n"
        "  --> demo/_ext.so\n"
        "  why: wanted `8.0`, `9.0a`, `12.0+ptx` (variant `cu126`), found `sm_80`, `sm_90`; "
        "without PTX no newer GPU is served\n"
        "  fix: compile for what is declared (`TORCH_CUDA_ARCH_LIST`, `CUDAARCHS` or `-gencode`), or change `arch`"
    )
    assert "found no device code\n" in judged(binary(), wanted=declared("8.0"))
    assert judged(wanted=declared("8.0")) == ""  # nothing is compiled


def test_one_file_lacks_what_another_one_has() -> None:
    files = (
        binary(fatbins=device(Entry(arch=80), Entry(arch=90))),
        binary("demo/_b.so", fatbins=device(Entry(arch=80))),
    )
    found = judged(*files, wanted=declared("8.0", "9.0"))
    assert found.startswith("warning[CP408]: `demo/_b.so` lacks `sm_90`\n")


def test_a_surplus_architecture_is_a_warning() -> None:
    found = judged(binary(fatbins=device(Entry(arch=80), Entry(arch=90))), wanted=declared("8.0"))
    assert found == (
        "warning[CP409]: the compiled files carry `sm_90`, which is not declared\n"
        "  --> demo/_ext.so\n"
        "  why: declared are `8.0` (variant `cu126`), and more only makes the wheel larger\n"
        "  fix: add them to `arch`, or compile for fewer architectures"
    )


def test_bundled_cuda_libraries_have_their_own_architectures() -> None:
    own = binary(fatbins=device(Entry(arch=90)))
    bundled = binary("demo.libs/libcublas-1a2b3c4d.so.12", fatbins=device(Entry(arch=50)))
    assert judged(own, bundled, wanted=declared("9.0")) == ""


def test_code_that_cannot_be_read_lacks_nothing() -> None:
    cut = make_elf(fatbins={".nv_fatbin": make_fatbin(Entry(arch=80), size=10_000)})
    assert judged(binary(content=cut), wanted=declared("9.0")) == (
        "warning[CP409]: the compiled files carry `sm_80`, which is not declared\n"
        "  --> demo/_ext.so\n"
        "  why: declared are `9.0` (variant `cu126`), and more only makes the wheel larger\n"
        "  fix: add them to `arch`, or compile for fewer architectures"
    )


# What else is told


@pytest.mark.parametrize(
    ("path", "cuda"),
    [
        ("demo/libdemo_cuda118.so", "11.8"),
        ("demo/lib/cu126/_C.so", "12.6"),
        ("nvidia/cu13/lib/libcudart.so.13", "13"),
        ("demo/cuda-12/_ext.so", "12"),
        ("demo/libdemo_cuda.so", None),
        ("demo/libcudart.so.12", None),
        ("demo/locus118.so", None),
        ("demo/_C.cpython-311-x86_64-linux-gnu.so", None),
        ("demo/cuda37.so", None),
        ("demo_cuda_64.so", None),
        ("demo_cuda_256.so", None),
        ("demo/cu127/x.so", "12.7"),
        ("demo/libdemo_cuda92.so", "9.2"),
        ("demo/libdemo_cuda136.so", "13.6"),
        ("demo/cu14/x.so", "14"),
    ],
)
def test_cuda_of_a_path(path: str, cuda: str | None) -> None:
    assert cuda_of_path(path, FACTS) == (parse_cuda(cuda) if cuda else None)


def test_the_record_of_binaries() -> None:
    files = (binary("b.so", needed=("libcudart.so.12",), fatbins=device(Entry(arch=90))), binary("a.so", b"\x7fELF"))
    assert binary_objects(files) == [
        {"path": "a.so", "needed": None, "arch": None},
        {"path": "b.so", "needed": ["libcudart.so.12"], "arch": ["sm_90"]},
    ]


def test_words() -> None:
    assert wanted_text(()) == "no CUDA"
    assert wanted_text((CudaVersion(major=12),)) == "CUDA 12"
    assert is_cuda_library("libcudnn_ops.so.9", FACTS)
    assert not is_cuda_library("libcudf.so", FACTS)
    assert not uses_cuda(binary(needed=("libc.so.6",)), FACTS)
