"""The one view of a compiled file: formats, architectures, the CUDA runtime, torch; names of libraries."""

from __future__ import annotations

import io
import struct

import pytest

from cudapin.core.binary import BinaryInfo, read_binary
from cudapin.core.libraries import majors_of_library, original_name
from cudapin.core.torch_use import TorchUse, torch_use
from cudapin.core.window import Span, Unreadable, Window, merge_spans, subtract_spans
from elves import CUDART_TEXTS, LTO, PTX, A, Entry, make_elf, make_fatbin, make_pe

SOME = make_fatbin(
    Entry(arch=100),
    Entry(kind=PTX, arch=90, version=(9, 0)),
    Entry(kind=PTX, arch=120, version=(8, 7)),
    Entry(arch=90, flags=0x11 | A),
    Entry(arch=90),
    Entry(arch=75),
    Entry(arch=90),
    Entry(kind=LTO, arch=80),
)
NAMES = ("sm_75", "sm_90", "sm_90a", "sm_100", "compute_90", "compute_120")


def read(content: bytes) -> BinaryInfo:
    return read_binary(io.BytesIO(content))


def said(info: BinaryInfo) -> list[tuple[str, str]]:
    return [(one.part, one.why) for one in info.unjudged]


def test_an_elf_file() -> None:
    info = read(
        make_elf(
            needed=("libcublas.so.12",),
            soname="libx.so",
            runpath="$ORIGIN",
            data=b"x" + make_fatbin(Entry(arch=52)),
            fatbins={".nv_fatbin": SOME, "__nv_relfatbin": make_fatbin(Entry(kind=PTX, arch=90, version=(9, 0)))},
        )
    )
    assert (info.format, info.machine, info.needed) == ("elf", "x86_64", ("libcublas.so.12",))
    assert (info.soname, info.runpath) == ("libx.so", ("$ORIGIN",))
    assert info.arch == NAMES
    assert info.embedded_arch == ("sm_52",)
    assert info.ptx_versions == ((8, 7), (9, 0))
    assert {(str(code), code.place): number for code, number in info.codes.items()}["sm_90", ".nv_fatbin"] == 2
    assert (info.static_cudart, info.torch, info.unjudged) == (False, None, ())
    assert info.is_judged("code")


def test_without_section_headers_device_code_is_found_in_the_segments() -> None:
    info = read(make_elf(fatbins={".nv_fatbin": SOME}, sections=False))
    assert (info.arch, info.embedded_arch) == (NAMES, ())
    assert {code.place for code in info.codes} == {"the segments"}


def test_a_windows_library() -> None:
    info = read(
        make_pe(
            needed=("cudart64_12.dll",),
            delayed=("cublas64_12.dll",),
            name="x.dll",
            data=make_fatbin(Entry(arch=52)),
            fatbins={".nv_fatbin": SOME},
        )
    )
    assert (info.format, info.machine, info.soname) == ("pe", "x86_64", "x.dll")
    assert (info.needed, info.delayed) == (("cudart64_12.dll",), ("cublas64_12.dll",))
    assert (info.arch, info.embedded_arch, info.unjudged) == (NAMES, ("sm_52",), ())


def test_a_fatbin_alone() -> None:
    info = read(SOME)
    assert (info.format, info.arch, info.unjudged) == ("fatbin", NAMES, ())
    assert said(read(SOME + b"x")) == [("code", f"the file: the bytes at {len(SOME)} are no fatbin")]


@pytest.mark.parametrize(
    ("content", "found", "why"),
    [
        (b"", "other", []),
        (b"MZ", "pe", [("file", "the address of the PE header: 4 bytes at 60 are outside the file of 2 bytes")]),
        (b"\x7fELF", "elf", [("file", "the ELF header: 16 bytes at 0 are outside the file of 4 bytes")]),
        (b"!<arch>\nmore", "archive", [("file", "static libraries are not read")]),
        (b"\xcf\xfa\xed\xfe", "mach-o", [("file", "Mach-O files are not read")]),
        (b"import this\n", "other", []),
    ],
)
def test_other_files(content: bytes, found: str, why: list[tuple[str, str]]) -> None:
    info = read(content)
    assert (info.format, said(info)) == (found, why)
    assert info.is_judged("code") is not bool(why)


@pytest.mark.parametrize("sections", [True, False])
def test_the_cuda_runtime_inside_a_file(*, sections: bool) -> None:
    def is_static(data: bytes, **more: str) -> bool:
        return read(make_elf(data=data, sections=sections, **more)).static_cudart  # type: ignore[arg-type]

    assert is_static(b"x" * 5000 + CUDART_TEXTS)
    assert is_static(b"\0driver shutting down\0" + b"x" * 5000 + b"\0cudaErrorCudartUnloading\0")
    assert not is_static(b"\0cudaErrorCudartUnloading\0")  # bindings know the name
    assert not is_static(b"\0driver shutting down\0")
    assert not is_static(b"see cudaErrorCudartUnloading: driver shutting down")
    assert not is_static(CUDART_TEXTS, soname="libcudart.so.13")


def test_the_cuda_runtime_inside_a_windows_library() -> None:
    assert read(make_pe(data=CUDART_TEXTS)).static_cudart
    assert not read(make_pe(data=CUDART_TEXTS, name="cudart64_12.dll")).static_cudart
    assert read(make_pe(data=b"\0nvcudart_hybrid64.dll\0")).static_cudart
    assert not read(make_pe(data=b"\0nvcudart_hybrid64.dll\0", name="nvcudart_hybrid64.dll")).static_cudart
    assert not read(make_elf(data=b"\0nvcudart_hybrid64.dll\0")).static_cudart


def test_what_is_broken_leaves_the_rest_judged() -> None:
    info = read(make_elf(needed=("libcudart.so.12",), fatbins={".nv_fatbin": make_fatbin(Entry(), Entry(kind=3))}))
    assert (info.needed, info.arch) == (("libcudart.so.12",), ("sm_90",))
    ((part, why),) = said(info)
    assert part == "code"
    assert why.endswith("is of kind 3, which is not known")
    assert (info.is_judged("libraries"), info.is_judged("code")) == (True, False)


CPP = b"_ZN3c105ErrorC2ENS_14SourceLocation"
NEW = CPP + b"ENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
OLD = CPP + b"ESs"


@pytest.mark.parametrize(
    ("undefined", "stable", "string"),
    [
        ((b"aoti_torch_empty_strided", b"_ZNSt7__cxx1112basic_stringIcE"), True, None),
        ((b"_ZN5mylib3runERKN5torch6stable6TensorE",), True, None),
        ((b"_ZN5torch6stable6Tensor3fooEv",), True, None),
        ((b"_ZN2at6detail10empty_cudaEv",), False, None),
        ((b"_ZNK2at6Tensor4sizeEv",), False, None),
        ((b"_ZTIN3c105ErrorE",), False, None),
        ((b"_ZTVN5torch8autograd4NodeE",), False, None),
        ((b"_ZN6caffe28TypeMetaE",), False, None),
        ((NEW,), False, "new"),
        ((OLD,), False, "old"),
        ((NEW, OLD), False, "both"),
        ((b"_ZN3c104SsSsEv", b"_ZN3c103fooEN2Ss1xE", b"_ZN3c103fooILi16EEEvRSt6vectorIS0_SaIS0_EE"), False, None),
        ((b"_ZN3c103fooILi2ESsEEvT0_", b"_ZSsfoo"), False, "old"),
    ],
)
def test_the_interface_of_torch(*, undefined: tuple[bytes, ...], stable: bool, string: str | None) -> None:
    found = read(make_elf(needed=("libtorch_cuda.so", "libc10.so", "libc.so.6"), undefined=undefined)).torch
    assert found == TorchUse(libraries=("libtorch_cuda.so", "libc10.so"), stable=stable, std_string=string)  # type: ignore[arg-type]


def test_a_length_in_a_symbol_that_is_no_length() -> None:
    assert torch_use((), [b"_ZN2at" + b"9" * 5000 + b"Ss"]).std_string is None


def test_symbols_that_cannot_be_read_leave_the_interface_open() -> None:
    content = make_elf(needed=("libtorch.so",), undefined=(b"abc",)).replace(
        struct.pack("<4I", 1, 3, 0, 0), b"\xff" * 16
    )
    info = read(content)
    assert info.torch == TorchUse(libraries=("libtorch.so",))
    assert said(info) == [("symbols", "the number of dynamic symbols, 4294967295, is not possible")]


def test_torch_on_windows() -> None:
    assert read(make_pe(needed=("c10.dll", "torch_cpu.dll", "KERNEL32.dll"))).torch == TorchUse(
        libraries=("c10.dll", "torch_cpu.dll")
    )


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("libcudart.so.12", "libcudart.so.12"),
        ("libcudart.e8e8b82a.so.12", "libcudart.so.12"),
        ("libcudart-d0da41ae.so.11.8.89", "libcudart.so.11.8.89"),
        ("libcusparseLt-294d6944.so.0", "libcusparseLt.so.0"),
        ("libnvrtc-builtins-2dc4bf68.so.11.8", "libnvrtc-builtins.so.11.8"),
        ("libfoo-12345.so.1", "libfoo-12345.so.1"),
        ("cudart64_12-0123456789abcdef0123456789abcdef.dll", "cudart64_12.dll"),
        ("cublas64_12.dll", "cublas64_12.dll"),
        ("strange", "strange"),
    ],
)
def test_the_name_before_a_repair(name: str, original: str) -> None:
    assert original_name(name) == original


TABLE = {
    "libcudart": {"11": [11], "12": [12], "13": [13]},
    "libcusolver": {"11": [11, 12], "12": [13]},
    "libcurand": {"10": [11, 12, 13]},
    "libcuda": {"1": []},
    "cudart64": {"110": [11], "12": [12]},
    "nvrtc64": {"112": [11], "120": [12]},
}


@pytest.mark.parametrize(
    ("name", "majors"),
    [
        ("libcudart.so.12", (12,)),
        ("libcudart.e8e8b82a.so.12", (12,)),
        ("libcudart.so.11.0", (11,)),
        ("libcudart-d0da41ae.so.11.8.89", (11,)),
        ("libcudart.so", ()),
        ("libcudart.so.1", ()),
        ("libcudart.so.120", ()),
        ("libcudart.so.14", ()),
        ("libcusolver.so.11", (11, 12)),
        ("libcusolver.so.12", (13,)),
        ("libcurand.so.10", (11, 12, 13)),
        ("libcuda.so.1", ()),
        ("libc.so.6", ()),
        ("cudart64_12.dll", (12,)),
        ("CUDART64_110.DLL", (11,)),
        ("nvrtc64_112_0.dll", (11,)),
        ("KERNEL32.dll", ()),
        ("", ()),
    ],
)
def test_the_majors_of_a_library(name: str, majors: tuple[int, ...]) -> None:
    assert majors_of_library(name, TABLE) == majors


def test_spans() -> None:
    def spans(*pairs: tuple[int, int]) -> tuple[Span, ...]:
        return tuple(Span(start=start, end=end) for start, end in pairs)

    assert merge_spans(spans((5, 9), (0, 6), (1, 3), (20, 20), (9, 12))) == spans((0, 6), (6, 9), (9, 12))
    assert subtract_spans(spans((0, 10), (20, 30), (30, 40)), spans((2, 4), (5, 5), (8, 22), (25, 35))) == spans(
        (0, 2), (4, 5), (5, 8), (22, 25), (35, 40)
    )
    assert subtract_spans(spans((0, 10)), ()) == spans((0, 10))
    assert subtract_spans(spans((5, 10)), spans((0, 3), (4, 20))) == ()


def test_a_stream_that_gives_less_than_its_size() -> None:
    class Short(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size)[:3]

    with pytest.raises(Unreadable, match=r"^a word: 4 bytes at 0 are cut short$"):
        Window(Short(b"12345678")).read(0, 4, "a word")
    with pytest.raises(Unreadable, match=r"^a word: 4 bytes at -1 are outside the file of 8 bytes$"):
        Window(io.BytesIO(b"12345678")).read(-1, 4, "a word")
