"""Our readers against cuobjdump and readelf: on what nvcc, gcc and binutils make, and on wheels of the public index.

Tools and wheels come from the index that the user's own pip is configured for. `CUDAPIN_LARGE=1` adds the wheels of
many projects, some 1.5 GB.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from cudapin.core.binary import BinaryInfo, read_binary
from elves import Entry, make_elf, make_fatbin

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="the compilers of these tests are those of Linux"),
    pytest.mark.skipif(not shutil.which("g++") or not shutil.which("readelf"), reason="needs g++ and readelf"),
]

TOOLS = ("cuobjdump", "nvcc", "crt", "runtime", "cccl")
VERSIONS = {"cccl": "13.3.5.0.6", "nvvm": "13.5.37"}
KERNEL = """
__global__ void add(float *a, const float *b) { a[threadIdx.x] += b[blockIdx.x]; }
extern "C" int run(float *a, float *b) { add<<<1, 32>>>(a, b); return cudaGetLastError(); }
"""
KINDS = {"elf": "sm_", "ptx": "compute_", "relocatable ptx": "compute_", "nvvm": "lto_"}


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Return what a command prints; it must succeed."""
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def toolkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CUDA toolkit made of wheels, with a compiler and cuobjdump."""
    folder = tmp_path_factory.mktemp("toolkit")
    wanted = [f"nvidia-cuda-{name}=={VERSIONS.get(name, '13.5.37')}" for name in TOOLS]
    uv = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--target", folder)
    run(*uv, *wanted, f"nvidia-nvvm=={VERSIONS['nvvm']}")
    root = folder / "nvidia" / "cu13"
    (root / "lib" / "libcudart.so").symlink_to("libcudart.so.13")
    for file in (*(root / "bin").iterdir(), *(root / "nvvm" / "bin").iterdir()):
        if file.is_file():
            file.chmod(0o755)
    (folder / "kernel.cu").write_text(KERNEL)
    return root


def compiled(toolkit: Path, target: Path, *options: str) -> Path:
    source = toolkit.parents[1] / "kernel.cu"
    folders = ("-I", toolkit / "include", "-L", toolkit / "lib", "-Xcompiler", "-fPIC")
    run(toolkit / "bin" / "nvcc", *folders, *options, "-o", target, source)
    return target


def read(path: Path) -> BinaryInfo:
    with path.open("rb", buffering=0) as stream:
        return read_binary(stream)


def listed(info: BinaryInfo) -> Counter[str]:
    """Return the code that lies where cuobjdump looks, in its own words."""
    found: Counter[str] = Counter()
    for code, number in info.codes.items():
        if code.place != "data":
            found[str(code)] += number
    return found


def dumped(toolkit: Path, path: Path) -> Counter[str]:
    """Return what cuobjdump lists: of each entry its kind, then its architecture."""
    command = [toolkit / "bin" / "cuobjdump", "-all", path]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode("latin-1")
    assert "fatal" not in text, text[-300:]
    found: Counter[str] = Counter()
    kind = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"\s*Fatbin (.*) code:", line):
            kind = match[1]
        elif (match := re.fullmatch(r"\s*arch = sm_(\w+)", line)) and kind:
            found[KINDS[kind] + match[1]] += 1
            kind = ""
    return found


def dynamic(path: Path) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    """Return what readelf says of needed libraries, own name and search path."""
    text = run("readelf", "-dW", path)
    needed = tuple(re.findall(r"\(NEEDED\).*\[(.*)\]", text))
    own = re.findall(r"\(SONAME\).*\[(.*)\]", text)
    paths = re.findall(r"\(RUNPATH\).*\[(.*)\]", text) or re.findall(r"\(RPATH\).*\[(.*)\]", text)
    return needed, (own[0] if own else None), tuple(part for path in paths for part in path.split(":") if part)


def must_agree(toolkit: Path, path: Path) -> BinaryInfo:
    info = read(path)
    assert info.unjudged == ()
    assert (info.needed, info.soname, info.runpath) == dynamic(path)
    assert listed(info) == dumped(toolkit, path)
    return info


def code(*pairs: str) -> tuple[str, ...]:
    return tuple(f"-gencode=arch={pair.partition('/')[0]},code={pair.partition('/')[2]}" for pair in pairs)


ORDINARY = code(
    *(f"compute_{name}/sm_{name}" for name in ("75", "80", "90", "90a", "100", "103", "103a", "120")),
    "compute_90/compute_90",
)
FAMILY = code(
    "compute_90/sm_90", "compute_100a/sm_100a", "compute_100f/sm_100f", "compute_100f/compute_100f"
)  # nvcc refuses sm_100 beside sm_100f
MANY = ("sm_75", "sm_80", "sm_90", "sm_90a", "sm_100", "sm_103", "sm_103a", "sm_120", "compute_90")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (ORDINARY, MANY),
        ((*ORDINARY, "-compress-mode=size"), MANY),
        ((*ORDINARY, "-compress-mode=none"), MANY),
        ((*ORDINARY, "-concat"), MANY),
        ((*FAMILY, "-compress-mode=speed"), ("sm_90", "sm_100a", "sm_100f", "compute_100f")),
        ((*FAMILY, "-concat", "-G"), ("sm_90", "sm_100a", "sm_100f", "compute_100f")),
        (("-arch=sm_90", "-G", "-rdc=true"), ("sm_90", "compute_90")),
    ],
)
def test_libraries_made_by_nvcc(
    toolkit: Path, tmp_path: Path, options: tuple[str, ...], names: tuple[str, ...]
) -> None:
    info = must_agree(toolkit, compiled(toolkit, tmp_path / "made.so", "-shared", *options))
    assert info.arch == names
    assert info.static_cudart
    assert info.ptx_versions == ((9, 5),)


def test_an_object_file_with_code_for_the_device_linker(toolkit: Path, tmp_path: Path) -> None:
    options = code("compute_80/sm_80", "compute_90a/lto_90a", "compute_90/compute_90")
    info = must_agree(toolkit, compiled(toolkit, tmp_path / "made.o", "-c", "-rdc=true", "-concat", *options))
    assert sorted(listed(info)) == ["compute_90", "lto_90a", "sm_80"]
    assert (info.arch, info.static_cudart) == (("sm_80", "compute_90"), False)


def test_the_runtime_linked_statically_shared_or_not_at_all(toolkit: Path, tmp_path: Path) -> None:
    found = {
        kind: must_agree(toolkit, compiled(toolkit, tmp_path / f"{kind}.so", "-shared", "-arch=sm_90", "-cudart", kind))
        for kind in ("static", "shared", "none")
    }
    assert {kind: info.static_cudart for kind, info in found.items()} == {
        "static": True,
        "shared": False,
        "none": False,
    }
    assert "libcudart.so.13" in found["shared"].needed
    assert not read(toolkit / "lib" / "libcudart.so.13").static_cudart


def test_a_stripped_library_and_one_without_section_headers(toolkit: Path, tmp_path: Path) -> None:
    made = compiled(toolkit, tmp_path / "made.so", "-shared", *FAMILY)
    before = must_agree(toolkit, made)
    run("strip", made)
    assert must_agree(toolkit, made).codes == before.codes
    content = bytearray(made.read_bytes())
    for layout, offset in (("<Q", 40), ("<H", 60), ("<H", 62)):
        struct.pack_into(layout, content, offset, 0)
    info = read_binary(io.BytesIO(bytes(content)))
    assert listed(info) == listed(before)
    assert (info.needed, info.static_cudart, info.unjudged) == (before.needed, True, ())


TORCH = """
#include <string>
#include <vector>
namespace c10 { struct Error { Error(int, std::string); }; }
namespace at { struct Tensor { long size(long) const; }; std::vector<Tensor> split(const Tensor &); }
extern "C" int aoti_torch_get(long *);
"""
USERS = {
    "stable": 'extern "C" int f() { long x; std::string s("x"); return aoti_torch_get(&x) + s.size(); }',
    "strings": 'extern "C" void f() { throw c10::Error(1, std::string("x")); }',
    "tensors": 'extern "C" long f(at::Tensor *t) { return t->size(0) + at::split(*t).size(); }',
}


@pytest.mark.parametrize(
    ("user", "abi", "stable", "string"),
    [
        ("stable", 1, True, None),
        ("stable", 0, True, None),
        ("strings", 1, False, "new"),
        ("strings", 0, False, "old"),
        ("tensors", 1, False, None),
        ("tensors", 0, False, None),
    ],
)
def test_the_interface_of_torch_in_what_gcc_makes(
    tmp_path: Path, *, user: str, abi: int, stable: bool, string: str | None
) -> None:
    (tmp_path / "empty.cpp").write_text("")
    (tmp_path / "user.cpp").write_text(TORCH + USERS[user])
    flags = ("-shared", "-fPIC", f"-D_GLIBCXX_USE_CXX11_ABI={abi}", "-Wl,--no-as-needed")
    for library in ("libtorch.so", "libc10.so"):
        run("g++", "-shared", f"-Wl,-soname,{library}", "-o", library, "empty.cpp", cwd=tmp_path)
    for style in ("gnu", "sysv", "both"):
        run(
            "g++",
            *flags,
            f"-Wl,--hash-style={style}",
            "-o",
            "x.so",
            "user.cpp",
            "-L.",
            "-ltorch",
            "-lc10",
            cwd=tmp_path,
        )
        torch = read(tmp_path / "x.so").torch
        assert torch is not None
        assert (torch.libraries, torch.stable, torch.std_string) == (("libtorch.so", "libc10.so"), stable, string)


def test_every_library_of_this_python() -> None:
    import _ctypes

    paths = sorted(Path(_ctypes.__file__).parent.glob("*.so"))
    assert len(paths) > 20
    for path in paths:
        info = read(path)
        assert (info.needed, info.soname, info.runpath) == dynamic(path)
        assert (info.codes, info.static_cudart, info.torch, info.unjudged) == ({}, False, None, ())


@pytest.mark.parametrize("sections", [True, False])
def test_readelf_accepts_what_our_tests_make(tmp_path: Path, *, sections: bool) -> None:
    fatbins = {".nv_fatbin": make_fatbin(Entry())}
    needed = ("libcudart.so.12", "libc.so.6")
    made = make_elf(needed=needed, soname="x", runpath="/a:/b", fatbins=fatbins, sections=sections)
    (tmp_path / "x.so").write_bytes(made)
    info = read(tmp_path / "x.so")
    assert (info.needed, info.soname, info.runpath) == (("libcudart.so.12", "libc.so.6"), "x", ("/a", "/b"))
    assert dynamic(tmp_path / "x.so") == (info.needed, info.soname, info.runpath)


SMALL = ("jax-cuda12-plugin==0.10.2", "torchvision==0.29.2", "torchaudio==2.11.0", "xformers==0.0.35")
LARGE = (
    "bitsandbytes==0.50.2",
    "cupy-cuda12x==14.2.0",
    "cupy-cuda13x==14.2.0",
    "jax-cuda13-plugin==0.10.2",
    "torchcodec==0.17.0",
    "faiss-gpu-cu12==1.14.1.post1",
    "ctranslate2==4.8.5",
    "xgboost==3.2.0",
    "lightgbm==4.7.0",
    "cuda-bindings==13.5.0",
    "spconv-cu118==2.3.8",
    "cumm-cu118==0.8.2",
    "librmm-cu12==26.10.0",
    "libraft-cu12==26.10.0",
    "warp-lang==1.19.0",
    "nvidia-npp-cu12==12.4.1.87",
    "nvidia-cusparselt-cu12==0.8.1",
    "onnxruntime-gpu==1.31.1",
)
PLATFORMS = [f"--platform=manylinux{name}_x86_64" for name in ("_2_28", "_2_27", "_2_24", "_2_17", "2014")]
NOT_READ_BY_CUOBJDUMP = ("libbitsandbytes_cuda121.so",)
"""`Invalid ELF` with 13.5; the one of CUDA 12.4 lists what we list."""


@pytest.mark.parametrize(
    "wheel",
    [
        *SMALL,
        *(
            pytest.param(one, marks=pytest.mark.skipif(not os.environ.get("CUDAPIN_LARGE"), reason="CUDAPIN_LARGE"))
            for one in LARGE
        ),
    ],
)
def test_wheels_of_the_public_index(toolkit: Path, tmp_path: Path, wheel: str) -> None:
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.11", *PLATFORMS)
    run(sys.executable, "-m", "pip", "download", *options, "--dest", tmp_path, wheel)
    (archive,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(archive) as members:
        for name in members.namelist():
            if re.search(r"\.so(\.\d+)*$", name) and not name.endswith(NOT_READ_BY_CUOBJDUMP):
                must_agree(toolkit, Path(members.extract(name, tmp_path)))
