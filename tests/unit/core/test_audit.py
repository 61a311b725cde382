"""The audit of a wheel: record, variant or its own claims against what it holds; no verdict without evidence."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.audit import Subject, audit_wheel
from cudapin.core.audit_claims import claim_of
from cudapin.core.binary import read_binary
from cudapin.core.compiled import Binary, binary_objects
from cudapin.core.config import Variant
from cudapin.core.cuda import parse_cuda
from cudapin.core.judge_binaries import wanted_of_variant
from cudapin.core.verdict import exit_code, render_problems
from elves import CUDART_TEXTS, PTX, Entry, make_elf, make_fatbin, make_pe

FACTS = read_facts({})
WHEEL = "demo-1.0-cp311-cp311-linux_x86_64.whl"
TORCH = ("libtorch.so", "libc10.so", "libtorch_cuda.so")
NEW = b"_ZN2at6Tensor3fooENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"


def binary(path: str = "demo/_ext.so", content: bytes | None = None, **parts: Any) -> Binary:
    data = make_elf(**parts) if content is None else content
    return Binary(path=path, info=read_binary(io.BytesIO(data)))


def linked(*libraries: str, path: str = "demo/_ext.so") -> Binary:
    return binary(path, needed=libraries)


def subject(*binaries: Binary, **more: Any) -> Subject:
    values: dict[str, Any] = {
        "path": WHEEL,
        "name": "demo",
        "version": "1.0",
        "interpreters": ("cp311",),
        "platforms": ("manylinux_2_28_x86_64",),
        "binaries": binaries,
    }
    return Subject(**{**values, **more})


def judged(*binaries: Binary, **more: Any) -> tuple[str, str]:
    found = audit_wheel(subject(*binaries, **more), FACTS)
    return found.verdict, render_problems(found.problems)


def codes(*binaries: Binary, **more: Any) -> list[str]:
    return [
        f"{problem.code.name} {problem.level}" for problem in audit_wheel(subject(*binaries, **more), FACTS).problems
    ]


# What a wheel claims


@pytest.mark.parametrize(
    ("more", "cuda", "says"),
    [
        ({"name": "demo-cu12"}, "12", "`cu12` in the name"),
        ({"name": "demo-cuda13x", "requires": ("nvidia-cublas-cu12",)}, "13", "`cuda13x` in the name"),
        ({"version": "1.0+cu128"}, "12.8", "the local version label `+cu128`"),
        ({"requires": ("nvidia-cuda-runtime-cu12==12.8.*",)}, "12", "it requires `nvidia-cuda-runtime-cu12==12.8.*`"),
        ({"requires": ("cuda-toolkit[cudart]==13.0.2",)}, "13", "it requires `cuda-toolkit==13.0.2`"),
        ({"requires": ("nvidia-cuda-nvrtc>=13.1,<14",)}, "13", "it requires `nvidia-cuda-nvrtc<14,>=13.1`"),
        ({"requires": ("cupy-cuda12x", "torch>=2.11")}, "12", "it requires `cupy-cuda12x`"),
        ({"requires": ("torch==2.9.1",)}, "12", "it requires `torch==2.9.1`"),
        ({"requires": ("torch==2.9.*",)}, "12", "it requires `torch==2.9.*`"),
        ({"requires": ("torch==2.9.0+cu130",)}, "13", "it requires `torch==2.9.0+cu130`"),
        (
            {"requires": ("torch>=2.10",)},
            "13",
            "it requires `torch>=2.10`, which is 2.15 today, built for CUDA 13.2",
        ),
        (
            {"requires": ("torch<2.11,>=2.9.1",)},
            "12",
            "it requires `torch<2.11,>=2.9.1`, which is 2.10 today, built for CUDA 12.8",
        ),
        (
            {"requires": ('nvidia-cublas-cu12; extra == "cuda"', "numpy")},
            "12",
            "an extra of it requires `nvidia-cublas-cu12`",
        ),
        ({"classifiers": ("Environment :: GPU :: NVIDIA CUDA :: 12 :: 12.4",)}, "12", "its classifiers"),
        ({"classifiers": ("Environment :: GPU :: NVIDIA CUDA :: 11.8",)}, "11", "its classifiers"),
    ],
)
def test_claims(more: dict[str, Any], cuda: str, says: str) -> None:
    found = claim_of(subject(**more), FACTS)
    assert found is not None
    assert (found.cuda, found.says) == ((parse_cuda(cuda),), says)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"name": "bitsandbytes"},
        {"name": "nvidia-ml-py", "version": "13.610"},
        {"requires": ("numpy", "torch>=3", "not a requirement ;;")},
        {"requires": ("torch>=2.10",), "platforms": ("win_amd64",)},  # the public index has none with CUDA there
        {"requires": ("torch>=2.10",), "platforms": ("macosx_11_0_arm64",)},
        {"requires": ("cuda-bindings>=12",)},
        {"requires": ("torch @ https://index.example/torch.whl",)},
        {"requires": ('x-cu12; extra == "cu12"', 'x-cu13; extra == "cu13"')},
        {"classifiers": ("Environment :: GPU", "Environment :: GPU :: NVIDIA CUDA")},
    ],
)
def test_no_claim(more: dict[str, Any]) -> None:
    assert claim_of(subject(**more), FACTS) is None


@pytest.mark.parametrize(
    ("more", "release"),
    [
        ({"interpreters": ("cp38",), "abis": ("cp38",)}, "2.4 today, built for CUDA 12.1"),
        ({"interpreters": ("cp39",), "abis": ("none",)}, "2.8 today, built for CUDA 12.8"),
        ({"interpreters": ("cp39",), "abis": ("abi3",)}, "2.15 today, built for CUDA 13.2"),
        ({"interpreters": ("cp38", "cp39"), "abis": ("none",)}, "2.8 today, built for CUDA 12.8"),
        ({"interpreters": ("py3",), "requires_python": "<3.10"}, "2.8 today, built for CUDA 12.8"),
        ({"interpreters": ("py3",), "requires_python": "==3.9.*"}, "2.8 today, built for CUDA 12.8"),
        ({"interpreters": ("py3",), "requires_python": "nonsense"}, "2.15 today, built for CUDA 13.2"),
        ({"interpreters": ("cp311", "py3")}, "2.15 today, built for CUDA 13.2"),
    ],
)
def test_the_torch_of_today_is_one_for_the_python_of_the_wheel(more: dict[str, Any], release: str) -> None:
    """An old Python gets an old torch, of an older CUDA."""
    found = claim_of(subject(requires=("torch>=2.0",), **more), FACTS)
    assert found is not None
    assert found.says == f"it requires `torch>=2.0`, which is {release}"


def test_no_torch_is_for_that_python() -> None:
    assert claim_of(subject(requires=("torch>=2.9",), interpreters=("cp38",), abis=("cp38",)), FACTS) is None


def test_markers_are_those_of_the_wheel() -> None:
    requires = ('nvidia-cublas-cu12; sys_platform == "win32"', 'nvidia-cublas; python_version >= "3.12"')
    assert judged(linked("libcudart.so.13"), requires=(requires[0], "nvidia-cuda-runtime==13.*"))[0] == "ok"
    assert claim_of(subject(requires=requires[1:], interpreters=("cp311",)), FACTS) is None


# Verdicts


def test_a_wheel_that_is_what_it_says() -> None:
    assert judged(linked("libcudart.so.12"), name="demo-cu12", requires=("nvidia-cuda-runtime-cu12",)) == ("ok", "")


def test_a_wheel_without_cuda() -> None:
    assert judged(linked("libc.so.6")) == ("ok", "")
    assert judged() == ("ok", "")


def test_another_cuda_than_the_name() -> None:
    verdict, text = judged(linked("libcudart.so.13"), name="demo-cu12", requires=("nvidia-cuda-runtime",))
    assert verdict == "wrong"
    assert text == (
        "error[CP406]: `demo/_ext.so` is of CUDA 13\n"
        f"  --> {WHEEL} (demo/_ext.so)\n"
        "  why: wanted CUDA 12 (`cu12` in the name), found that it needs `libcudart.so.13`\n"
        "  fix: rebuild it with the toolkit of CUDA 12"
    )


def test_another_cuda_than_the_torch_that_an_install_brings() -> None:
    verdict, text = judged(linked("libcudart.so.12", *TORCH), requires=("torch>=2.10",))
    assert verdict == "wrong"
    assert text == (
        "error[CP406]: `demo/_ext.so` is of CUDA 12\n"
        f"  --> {WHEEL} (demo/_ext.so)\n"
        "  why: wanted CUDA 13 (it requires `torch>=2.10`, which is 2.15 today, built for CUDA 13.2), "
        "found that it needs `libcudart.so.12`\n"
        "  fix: rebuild it with the toolkit of CUDA 13, or require packages of the CUDA that it is built for"
    )


def test_a_wheel_that_brings_its_own_runtime_is_not_bound_to_torch() -> None:
    own = binary("demo.libs/libcudart-1a2b3c4d.so.12", soname="libcudart-1a2b3c4d.so.12")
    assert codes(linked("libcudart-1a2b3c4d.so.12"), own, requires=("torch>=2.10",)) == []
    assert codes(linked("libcudart-1a2b3c4d.so.12"), own, name="demo-cu13") == ["CP406 error"]


def test_several_cudas_by_their_paths() -> None:
    files = [linked(f"libcudart.so.{soname}", path=f"demo/libdemo_cuda{name}.so") for name, soname in PAIRS]
    assert judged(*files, requires=("torch>=2.4",)) == ("ok", "")
    wrong = linked("libcudart.so.13", path="demo/libdemo_cuda121.so")
    verdict, text = judged(*files, wrong)
    assert verdict == "wrong"
    assert "why: wanted CUDA 12.1 (its own path), found that it needs `libcudart.so.13`\n" in text


PAIRS = (("118", "11.0"), ("126", "12"), ("130", "13"))


def test_sizes_in_names_are_no_cudas() -> None:
    """As of auto-gptq: kernels for 64 and for 256 bits."""
    files = (linked("libcudart.so.12", path="demo_cuda_64.so"), linked("libcudart.so.12", path="demo_cuda_256.so"))
    assert judged(*files, requires=("nvidia-cuda-runtime-cu12",)) == ("ok", "")


def test_libraries_of_cuda_10() -> None:
    """Some of their numbers are those of CUDA 11 too; as of cupy-cuda102 and cupy-cuda110."""
    shared = ("libcufft.so.10", "libcusolver.so.10", "libcurand.so.10")
    old = linked("libcudart.so.10.2", "libcublas.so.10", "libcusparse.so.10", "libnvrtc.so.10.2", *shared)
    assert judged(old, name="demo-cuda102", requires=("torch",)) == ("ok", "")
    assert judged(linked("libcudart.so.11.0", *shared), name="demo-cuda110", requires=("torch",)) == ("ok", "")
    assert codes(old, name="demo-cuda110", requires=("torch",)) == ["CP406 error"]


def test_mixed_majors_without_a_claim() -> None:
    verdict, text = judged(linked("libcudart.so.12"), linked("libcublas.so.13", path="demo/b.so"))
    assert verdict == "wrong"
    assert text.startswith(
        "error[CP407]: the wheel holds compiled files of several CUDA majors\n"
        f"  --> {WHEEL}\n"
        "  why: wanted one CUDA major, and nothing says that it has several, found "
        "`demo/_ext.so` of CUDA 12 (it needs `libcudart.so.12`); `demo/b.so` of CUDA 13 (it needs `libcublas.so.13`)\n"
    )


def test_libraries_that_a_wheel_brings_for_several_cudas_are_not_mixed() -> None:
    """As triton does: it brings CUPTI of two majors and loads the one that fits."""
    files = [
        binary(f"demo/{name}/libcupti.so", soname=f"libcupti.so.{major}") for name, major in (("a", 12), ("b", 13))
    ]
    assert codes(*files, linked("libc.so.6")) == []


def test_nothing_says_which_cuda() -> None:
    verdict, text = judged(linked("libcudart.so.12", "libcudnn.so.9"))
    assert verdict == "unknown"
    assert "warning[CP417]: nothing says which CUDA the wheel is for\n" in text
    assert "no name, version label, requirement or classifier of it names one, but its files are of CUDA 12\n" in text


def test_nothing_in_its_files_tells() -> None:
    verdict, text = judged(binary(data=CUDART_TEXTS), name="demo-cu12")
    assert verdict == "unknown"
    assert text.startswith("warning[CP417]: whether the wheel is of CUDA 12 cannot be told from its files\n")
    older = make_fatbin(Entry(kind=PTX, arch=80, version=(8, 0)))
    assert judged(binary(fatbins={".nv_fatbin": older}), name="demo-cu13")[0] == "unknown"
    assert judged(binary(fatbins={".nv_fatbin": older}), name="demo-cu12")[0] == "ok"


def test_a_damaged_file_cannot_be_judged() -> None:
    found = audit_wheel(subject(binary(content=make_elf(needed=("libcudart.so.13",))[:80]), name="demo-cu12"), FACTS)
    assert found.verdict == "unknown"
    assert exit_code(found.problems) == 3
    assert found.problems[0].what == "`demo/_ext.so` cannot be judged"
    assert (
        audit_wheel(subject(binary("demo/x.a", b"!<arch>\n"), binary("x.dylib", b"\xcf\xfa\xed\xfe")), FACTS).problems
        == ()
    )


def test_a_driver_in_any_wheel() -> None:
    assert codes(binary("demo.libs/libcuda-1a2b3c4d.so.1")) == ["CP410 error"]


# Platform, libraries, torch


def test_any_platform() -> None:
    verdict, text = judged(
        linked("libcudart.so.12"), name="demo-cu12", platforms=("any",), requires=("nvidia-cuda-runtime-cu12",)
    )
    assert verdict == "wrong"
    assert text == (
        "error[CP412]: the platform tag is `any`, and the wheel holds `demo/_ext.so`\n"
        f"  --> {WHEEL} (demo/_ext.so)\n"
        "  why: wanted the tag of one platform, since the file is compiled for x86_64\n"
        "  fix: set `pure_python = False` and a tag in the build hook, or `platforms` of the variant"
    )
    launcher = binary("demo/launcher.exe", make_pe(needed=("KERNEL32.dll",)))
    assert codes(launcher, platforms=("any",)) == []


def test_nothing_brings_a_library() -> None:
    text = judged(linked("libcudart.so.12", "libcublas.so.12", "libcudnn.so.9"), name="demo-cu12")[1]
    assert text == (
        "warning[CP411]: nothing brings `libcudart.so.12`, `libcublas.so.12`, `libcudnn.so.9`\n"
        f"  --> {WHEEL} (demo/_ext.so)\n"
        "  why: neither the wheel nor its `Requires-Dist` has a package with it, so users need a toolkit of their own\n"
        "  fix: require the packages of NVIDIA of CUDA 12 that bring it, or say in the README what users must install"
    )


@pytest.mark.parametrize(
    "requires",
    [
        ("nvidia-cuda-runtime-cu12", "nvidia-cusolver-cu12"),
        ("cuda-toolkit[all]==12.8.*",),
        ('cuda-toolkit==12.*; extra == "ctk"',),
        ("torch==2.9.*",),
        ("cupy-cuda12x",),
        ("librmm-cu12",),
        ("nvidia-cuda-runtime-cu12", "nvidia-cudnn-cu12"),
    ],
)
def test_something_brings_it(requires: tuple[str, ...]) -> None:
    assert codes(linked("libcudart.so.12", "libcublas.so.12"), name="demo-cu12", requires=requires) == []


def test_torch_is_not_required() -> None:
    needed = ("libcudart.so.12", "libtorch.so")
    bound = {"needed": needed, "undefined": (NEW,)}
    verdict, text = judged(binary(**bound), name="demo-cu12", requires=("nvidia-cuda-runtime-cu12",))
    assert verdict == "wrong"
    assert text == (
        "error[CP415]: `demo/_ext.so` is compiled against torch, and the wheel does not require it\n"
        f"  --> {WHEEL} (demo/_ext.so)\n"
        "  why: it needs `libtorch.so`, and no `Requires-Dist` brings torch; by C++ symbols, which are those of one "
        "release\n"
        "  fix: add `torch`, of the releases that it is compiled against, to the dependencies"
    )
    stable = codes(linked(*needed), name="demo-cu12", requires=("nvidia-cuda-runtime-cu12",))
    assert stable == ["CP415 warning"]
    assert codes(linked("libtorch.so"), name="demo", requires=("torchvision",)) == []


def test_torch_of_a_label_of_another_cuda() -> None:
    bound = binary(needed=("libcudart.so.12", "libtorch.so"), undefined=(NEW,))
    verdict, text = judged(bound, name="demo", version="1.0+cu128", requires=("torch==2.9.0+cu130",))
    assert verdict == "wrong"
    assert text == (
        "error[CP415]: `demo/_ext.so` is compiled against torch, and the wheel requires one of CUDA 13\n"
        f"  --> {WHEEL} (demo/_ext.so)\n"
        "  why: wanted a torch of CUDA 12.8 (the local version label `+cu128`), found "
        "`torch==2.9.0+cu130`\n"
        "  fix: require the torch that it is compiled against, by its public version: the index gives the CUDA"
    )
    for requires in ("torch==2.9.0+cu126", "torch==2.15.0", "torch==2.9.0+cpu", 'torch==2.9.0+cu130; extra == "x"'):
        assert codes(bound, name="demo", version="1.0+cu128", requires=(requires,)) == []


def test_an_interface_of_torch_that_cannot_be_told() -> None:
    """Windows, where symbols are not read: never an error."""
    module = binary("demo/_ext.pyd", make_pe(needed=("torch.dll", "cudart64_12.dll")))
    assert codes(module, name="demo-cu12", requires=("nvidia-cuda-runtime-cu12",)) == ["CP415 warning"]
    assert codes(module, name="demo-cu12", requires=("torch",)) == []


def test_torch_of_any_release() -> None:
    bound = binary(needed=("libtorch.so",), undefined=(NEW,))
    assert codes(bound, requires=("torch",)) == ["CP415 warning"]
    assert codes(bound, requires=("torch>=2.9",)) == ["CP415 warning"]
    assert codes(bound, requires=("torch==2.9.*",)) == []
    assert codes(bound, requires=("numpy", "torch~=2.9.0")) == []
    assert codes(bound, requires=("numpy<2", "torch @ https://index.example/torch.whl")) == []
    assert codes(linked("libtorch.so"), requires=("torch",)) == []
    own = binary("torch/lib/libtorch.so", soname="libtorch.so")
    assert codes(bound, own, name="torch") == []


@pytest.mark.parametrize("name", ["demo/_ext_torch{}.so", "demo/ext_2_{}_0.cpython-311-x86_64-linux-gnu.so"])
def test_one_file_for_each_of_several_releases_of_torch(name: str) -> None:
    """As of nixl and mooncake-transfer-engine: the one that fits is loaded, if any does."""
    files = [binary(name.format(release), needed=("libtorch.so",), undefined=(NEW,)) for release in (11, 12)]
    assert codes(*files, requires=("torch",)) == []
    (problem,) = audit_wheel(subject(*files), FACTS).problems
    assert (problem.code.name, problem.level) == ("CP415", "warning")
    assert problem.why == (
        "it needs `libtorch.so`, and no `Requires-Dist` brings torch; "
        "the wheel has one such file for each of several releases"
    )
    assert codes(files[0]) == ["CP415 error"]
    bound = binary(needed=("libtorch.so",), undefined=(NEW,))
    assert codes(*files, bound) == ["CP415 error"]
    assert codes(*files, bound, requires=("torch",)) == ["CP415 warning"]


# Records


def record(*binaries: Binary, **more: Any) -> dict[str, Any]:
    return {"variant": "cu126", "cuda": "12.6", "arch": [], "binaries": binary_objects(binaries), **more}


def test_a_record_goes_before_all_else() -> None:
    file = linked("libcudart.so.12")
    requires = ("nvidia-cuda-runtime-cu12",)
    found = audit_wheel(subject(file, name="demo-cu13", record=record(file), requires=requires), FACTS)
    assert (found.verdict, found.variant) == ("ok", "cu126")
    other = linked("libcudart.so.13")
    text = judged(other, record=record(other), requires=requires)[1]
    assert "why: wanted CUDA 12.6 (its record, of variant `cu126`), found that it needs `libcudart.so.13`\n" in text


def test_the_record_of_other_files() -> None:
    file = linked("libcudart.so.12")
    requires = ("nvidia-cuda-runtime-cu12",)
    verdict, text = judged(linked("libcudart.so.12", "libc.so.6"), record=record(file), requires=requires)
    assert verdict == "wrong"
    assert text == (
        "error[CP413]: the record does not match the compiled files\n"
        f"  --> {WHEEL} (cudapin.json)\n"
        "  why: wanted what was judged when the wheel was built, found that `demo/_ext.so` needs "
        "`libc.so.6`, `libcudart.so.12`, not `libcudart.so.12`\n"
        "  fix: build variant `cu126` anew, and change nothing in its wheel"
    )
    assert "`demo/_ext.so` is not in the wheel" in judged(record=record(file))[1]
    assert "`demo/_ext.so` is not in the record" in judged(file, record=record(), requires=requires)[1]
    assert judged(file, record=record(binaries=None), requires=requires) == ("ok", "")
    assert judged(file, record=record(binaries=[1, {}, {"path": 1}]), requires=requires)[0] == "wrong"


def test_a_repaired_wheel_is_still_that_of_its_record() -> None:
    before = linked("libcudart.so.12", "libc.so.6")
    after = linked("libcudart-1a2b3c4d.so.12", "libc.so.6")
    grafted = binary("demo.libs/libcudart-1a2b3c4d.so.12", soname="libcudart-1a2b3c4d.so.12")
    assert judged(after, grafted, record=record(before)) == ("ok", "")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"variant": 1}, "wanted a variant, its CUDA and architectures as cudapin writes them"),
        ({"variant": "x", "cuda": "many"}, "wanted a variant, its CUDA and architectures as cudapin writes them"),
    ],
)
def test_a_record_without_sense(found: dict[str, Any], why: str) -> None:
    text = judged(record=found)[1]
    assert text.startswith(f"error[CP413]: the record means nothing\n  --> {WHEEL} (cudapin.json)\n  why: {why}\n")


def test_records_of_no_variant_and_odd_values() -> None:
    assert judged(record={"variant": None, "binaries": None}) == ("ok", "")
    assert judged(record={}) == ("ok", "")
    several = {"variant": "gpu", "cuda": ["11.8", "12.6"], "arch": ["9.0", 5, "x"], "binaries": {}}
    found = audit_wheel(subject(record=several), FACTS)
    assert found.wanted is not None
    assert (found.wanted.arch, len(found.wanted.cuda)) == (("9.0",), 2)
    assert "CP413" in judged(record_fault="wanted JSON, found: nothing")[1]


def test_a_named_variant() -> None:
    wanted = wanted_of_variant(Variant(name="cu130", cuda=(parse_cuda("13.0"),)))
    file = linked("libcudart.so.12")
    plain = subject(file, requires=("nvidia-cuda-runtime-cu12",))
    found = audit_wheel(plain, FACTS, wanted)
    assert (found.verdict, found.variant) == ("wrong", "cu130")
    assert "wanted CUDA 13.0 (variant `cu130`)" in found.problems[0].why
    recorded = audit_wheel(replace(plain, record=record(file)), FACTS, wanted)
    assert render_problems(recorded.problems) == (
        "error[CP413]: the wheel is of variant `cu126`\n"
        f"  --> {WHEEL} (cudapin.json)\n"
        "  why: wanted variant `cu130`, which `--variant` names; its record says `cu126`\n"
        "  fix: name the wheel of that variant, or leave `--variant` out"
    )


def test_what_record_lists() -> None:
    text = judged(listing=(("a.py", "its hash is not the one in RECORD"), ("b.py", "…")))[1]
    assert text == (
        "error[CP414]: RECORD does not describe `a.py` as it is\n"
        f"  --> {WHEEL} (a.py)\n"
        "  why: its hash is not the one in RECORD; and 1 more of this kind\n"
        "  fix: build or repair the wheel anew; installers may refuse it"
    )
