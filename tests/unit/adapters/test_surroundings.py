"""Containers, WSL, devices and libraries of the driver, toolkits and cuDNN: from trees of files and variables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.machine_toolkits import find_cudnn, find_toolkits, toolkit_version
from cudapin.adapters.surroundings import read_surroundings
from cudapin.core.cuda import CudaVersion
from cudapin.core.surroundings import Cudnn, Library, Toolkit
from unit.support import write

if TYPE_CHECKING:
    from pathlib import Path

CUDA_13 = CudaVersion(major=13, minor=0)
HEADER = "#define CUDA_VERSION 13000\n"


@pytest.mark.parametrize(
    ("environ", "files", "found"),
    [
        ({}, (), (None, None)),
        ({}, (".dockerenv",), ("docker", "`/.dockerenv`")),
        ({}, ("run/.containerenv",), ("podman", "`/run/.containerenv`")),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, (".dockerenv",), ("kubernetes", "`KUBERNETES_SERVICE_HOST`")),
        (
            {},
            (".dockerenv", "var/run/secrets/kubernetes.io/x"),
            ("kubernetes", "`/var/run/secrets/kubernetes.io`"),
        ),
        ({"APPTAINER_CONTAINER": "/x.sif"}, (), ("apptainer", "`APPTAINER_CONTAINER`")),
        ({"container": "lxc"}, (), ("lxc", "`container`")),
        ({"container": "\x1b[31m"}, (), (None, None)),
    ],
)
def test_containers(
    tmp_path: Path, environ: dict[str, str], files: tuple[str, ...], found: tuple[str | None, str | None]
) -> None:
    write(tmp_path, dict.fromkeys(files, ""))
    around = read_surroundings(environ, tmp_path, "linux", "x86_64")
    assert (around.container, around.container_source) == found
    assert around.system == "linux x86_64"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("12:cpu:/kubepods/besteffort/pod1", "kubernetes"),
        ("1:name=systemd:/docker/abc", "docker"),
        ("0::/machine.slice/libpod-abc", "podman"),
        ("0::/init.scope", None),
        ("\xff\x00", None),
    ],
)
def test_cgroups(tmp_path: Path, text: str, kind: str | None) -> None:
    write(tmp_path, {"proc/1/cgroup": text})
    assert read_surroundings({}, tmp_path, "linux").container == kind


def test_devices_libraries_and_variables(tmp_path: Path) -> None:
    names = ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "null", "dxg")
    write(tmp_path, {f"dev/{name}": "" for name in names} | {"usr/lib64/libcuda.so.1": "", "own/libnvidia-ml.so.1": ""})
    (tmp_path / "sys/module/nvidia").mkdir(parents=True)
    environ = {"CUDA_VISIBLE_DEVICES": "0", "NVIDIA_VISIBLE_DEVICES": "all", "LD_LIBRARY_PATH": f"rel::{tmp_path}/own"}
    found = read_surroundings(environ, tmp_path, "linux")
    assert found.devices == ("/dev/dxg", "/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl")
    assert found.libraries == (
        Library(name="libcuda.so.1", directory="/usr/lib64"),
        Library(name="libnvidia-ml.so.1", directory="/own"),
    )
    assert (found.has_module, found.wsl_source) == (True, "`/dev/dxg`")
    assert found.settings == (("CUDA_VISIBLE_DEVICES", "0"), ("NVIDIA_VISIBLE_DEVICES", "all"))
    assert read_surroundings(environ, tmp_path, "win32").libraries == ()


def test_an_old_wsl_is_told_by_its_kernel(tmp_path: Path) -> None:
    write(tmp_path, {"proc/sys/kernel/osrelease": "4.4.0-19041-Microsoft\n"})
    assert read_surroundings({}, tmp_path, "linux").wsl_source == "`/proc/sys/kernel/osrelease`"


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"version.json": '{"cuda": {"version": "13.0.2"}}'}, CUDA_13),
        ({"version.json": "[" * 100_000, "include/cuda.h": HEADER}, CUDA_13),
        ({"version.json": '{"cuda": 13}', "include/cuda_runtime_api.h": "# define  CUDART_VERSION  13000\n"}, CUDA_13),
        ({"version.json": '{"cuda": {"version": "new"}}'}, None),
        ({"version.json": "[]", "include/cuda.h": HEADER}, CUDA_13),
        ({"version.json": "{", "include/cuda.h": "#define  CUDA_VERSION\t13000 // x"}, CUDA_13),
        ({"include/cuda.h": "#define OTHER 1", "include/cuda_runtime_api.h": "#define CUDART_VERSION 13000"}, CUDA_13),
        ({"include/cuda.h": b"\xff\xfe"}, None),
        ({"include/cuda.h/x": ""}, None),
        ({}, None),
    ],
)
def test_the_version_of_a_toolkit(tmp_path: Path, files: dict[str, str | bytes], version: CudaVersion | None) -> None:
    assert toolkit_version(write(tmp_path, files)) == version


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is a shell script")
def test_every_toolkit_once_and_the_named_ones_first(tmp_path: Path) -> None:
    old, default = tmp_path / "cuda-12.8", tmp_path / "usr/local/cuda"
    program(old / "bin" / "nvcc", "echo 'Cuda compilation tools, release 12.8, V12.8.93'")
    write(default, {"include/cuda.h": HEADER})
    program(default / "bin" / "nvcc", "exit 1")
    environ = {"CUDA_HOME": str(old), "CUDA_PATH": f"{old}/.", "CUDACXX": "", "PATH": str(default / "bin")}
    assert find_toolkits(environ, tmp_path) == (
        Toolkit(version=CudaVersion(major=12, minor=8), path=str(old), source="`CUDA_HOME`", has_nvcc=True),
        Toolkit(version=CUDA_13, path=str(default), source="`nvcc` on PATH", has_nvcc=True),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="the compiler is a shell script")
def test_wrappers_and_what_is_not_there(tmp_path: Path) -> None:
    wrapper = program(tmp_path / "bin" / "nvcc", "echo release 13.0, V13.0.88")
    assert find_toolkits({"CUDACXX": str(wrapper), "PATH": str(tmp_path / "bin")}, tmp_path) == (
        Toolkit(version=CUDA_13, path=str(wrapper), source="`CUDACXX`", has_nvcc=True),
    )
    assert find_toolkits({"CUDA_HOME": "/absent", "CUDACXX": "no-nvcc", "CUDA_PATH": "a\0b"}, tmp_path) == (
        Toolkit(version=None, path="no-nvcc", source="`CUDACXX`"),
        Toolkit(version=None, path="/absent", source="`CUDA_HOME`"),
    )


def test_cudnn(tmp_path: Path) -> None:
    text = "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 8\n#define CUDNN_PATCHLEVEL 0\n"
    write(tmp_path, {"usr/include/cudnn_version.h": text, "cuda/include/cudnn.h": text.replace("9", "8", 1)})
    assert find_cudnn((), tmp_path) == Cudnn(version="9.8.0", path=str(tmp_path / "usr/include/cudnn_version.h"))
    toolkit = Toolkit(version=None, path=str(tmp_path / "cuda"), source="`CUDA_HOME`")
    assert find_cudnn((toolkit,), tmp_path) == Cudnn(version="8.8.0", path=str(tmp_path / "cuda/include/cudnn.h"))
    assert find_cudnn((), tmp_path / "absent") is None
