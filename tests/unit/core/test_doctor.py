"""What `doctor` says of a machine: hints, what cannot be read and why, which variants fit, the text to paste."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.cuda import Belonging, CudaVersion
from cudapin.core.doctor import (
    EnvironmentReport,
    MachineReport,
    ProjectReport,
    Report,
    VariantFit,
    judge_fit,
    report_object,
)
from cudapin.core.doctor_text import redact, render_report
from cudapin.core.installed import CudaPackage, Environment, InstalledPackage, StampRecord
from cudapin.core.judge_host import HostCompiler
from cudapin.core.judge_installed import Difference
from cudapin.core.judge_machine import hints, judge_machine
from cudapin.core.machine import MISMATCH, NO_LIBRARY, NOT_LOADED, Gpu, Machine, MigDevice, Sources
from cudapin.core.surroundings import Cudnn, Library, Surroundings, Toolkit, shown_setting
from cudapin.core.verdict import render_problems
from unit.support import LINUX, config_of

FACTS = read_facts({})
HOPPER = Gpu(name="NVIDIA H200", arch="9.0", memory_mib=143771)
BY_NVML = Sources(driver="NVML", cuda="NVML", gpus="NVML")
CUDA_128 = CudaVersion(major=12, minor=8)
MACHINE = Machine(driver="570.86.10", gpus=(HOPPER,), sources=("NVML",), cuda=CUDA_128, read_from=BY_NVML)
NONE = Machine(driver=None, gpus=(), gaps=(NO_LIBRARY,))
LIBRARIES = (
    Library(name="libcuda.so.1", directory="/usr/lib64"),
    Library(name="libnvidia-ml.so.1", directory="/usr/lib64"),
)
NO_LIBRARIES = tuple(replace(item, directory=None) for item in LIBRARIES)
BARE = Surroundings(system="linux x86_64", libraries=NO_LIBRARIES)
DOCKER = replace(BARE, container="docker", container_source="`/.dockerenv`")
DEVICES = ("/dev/nvidia0", "/dev/nvidiactl")
START = "start the container with `--gpus all` and `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility`"


def said(machine: Machine, around: Surroundings) -> str:
    return render_problems(judge_machine(machine, around))


def warning(what: str, why: str, fix: str) -> str:
    return f"warning[CP501]: {what}\n  why: {why}\n  fix: {fix}"


@pytest.mark.parametrize("around", [BARE, DOCKER, Surroundings(system="darwin")])
def test_no_gpu_is_a_normal_answer(around: Surroundings) -> None:
    assert said(NONE, around) == ""
    assert said(MACHINE, around) == ""


def test_a_device_without_the_drivers_library() -> None:
    what = "the GPU's device is here, and the driver's library is not"
    why = "found `/dev/nvidia0`, and `libnvidia-ml.so.1` in none of the usual directories"
    assert said(NONE, replace(DOCKER, devices=DEVICES)) == warning(what, why, START)
    fix = "install the libraries of the loaded driver, of the same version"
    assert said(NONE, replace(BARE, devices=DEVICES)) == warning(what, why, fix)


def test_the_drivers_library_without_a_gpu() -> None:
    what = "the driver's library is here, and the GPU is not"
    machine = replace(NONE, gaps=(NOT_LOADED,))
    why = "found `/usr/lib64/libnvidia-ml.so.1`, and no GPU device"
    assert said(machine, replace(DOCKER, libraries=LIBRARIES)) == warning(what, why, START)
    why = "found `/usr/lib64/libnvidia-ml.so.1`, and the kernel module is not loaded"
    around = replace(BARE, libraries=LIBRARIES, devices=DEVICES)
    assert said(machine, around) == warning(what, why, "sudo modprobe nvidia")


def test_a_driver_that_was_updated_under_way() -> None:
    assert said(replace(NONE, gaps=(MISMATCH,)), BARE) == warning(
        "the driver's library and its kernel module differ",
        "wanted one version of both, and NVML says that they differ, as after a driver update",
        "reboot, or reload the kernel module",
    )


@pytest.mark.parametrize(
    ("devices", "libraries", "why", "fix"),
    [
        ((), NO_LIBRARIES, "there is no `/dev/dxg`: this is WSL 1, or an old WSL 2", "wsl --update, run in Windows"),
        (
            ("/dev/dxg",),
            NO_LIBRARIES,
            "found `/dev/dxg`, and no `/usr/lib/wsl/lib/libcuda.so.1`, which the driver of Windows brings",
            "install NVIDIA's driver in Windows, none here, then run `wsl --shutdown` there",
        ),
        (
            ("/dev/dxg",),
            tuple(replace(item, directory="/usr/lib/wsl/lib") for item in LIBRARIES),
            "found `/usr/lib/wsl/lib/libcuda.so.1`, and NVML does not find `libnvidia-ml.so.1`",
            "export LD_LIBRARY_PATH=/usr/lib/wsl/lib",
        ),
    ],
)
def test_wsl(devices: tuple[str, ...], libraries: tuple[Library, ...], why: str, fix: str) -> None:
    around = replace(BARE, wsl_source="`/dev/dxg`", devices=devices, libraries=libraries)
    assert said(NONE, around) == warning("WSL shows no GPU to this system", why, fix)
    assert said(MACHINE, around) == ""


def test_a_driver_whose_gpus_nobody_names() -> None:
    machine = Machine(driver="570.86.10", gpus=(), gaps=("NVML: no", "`nvidia-smi` is not on PATH"))
    what = "driver 570.86.10 is loaded, and its GPUs cannot be read"
    fix = "nvidia-smi, which says what is amiss"
    assert said(machine, BARE) == warning(what, "NVML: no; `nvidia-smi` is not on PATH", fix)
    assert said(replace(machine, gaps=()), BARE) == ""
    for given in (Sources(driver="CUDAPIN_DRIVER_VERSION"), Sources(gpus="CUDAPIN_GPU_ARCH")):
        assert said(replace(machine, read_from=given), BARE) == ""


def test_who_asked_for_no_gpu_is_not_warned() -> None:
    around = replace(DOCKER, libraries=LIBRARIES, settings=(("NVIDIA_VISIBLE_DEVICES", "void"),))
    assert said(NONE, around) == ""
    assert [*hints(NONE, around)] == ["`NVIDIA_VISIBLE_DEVICES=void` asks the container runtime for no GPU"]
    both = Sources(driver="CUDAPIN_DRIVER_VERSION", gpus="CUDAPIN_GPU_ARCH")
    assert said(replace(NONE, read_from=both), replace(BARE, devices=DEVICES)) == ""


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, ["`CUDA_VISIBLE_DEVICES=` hides every GPU from CUDA programs"]),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, ["`CUDA_VISIBLE_DEVICES=-1` hides every GPU from CUDA programs"]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, ["CUDA programs see only `CUDA_VISIBLE_DEVICES=1`, NVML all GPUs"]),
        ({"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}, []),
        ({"NVIDIA_DRIVER_CAPABILITIES": "all"}, []),
        (
            {"NVIDIA_DRIVER_CAPABILITIES": "graphics"},
            ["`NVIDIA_DRIVER_CAPABILITIES=graphics` leaves out `compute` and `utility`"],
        ),
    ],
)
def test_what_hides_a_gpu(settings: dict[str, str], found: list[str]) -> None:
    assert [*hints(MACHINE, replace(DOCKER, devices=DEVICES, settings=tuple(settings.items())))] == found


def test_what_stands_in_is_said() -> None:
    both = Sources(driver="CUDAPIN_DRIVER_VERSION", gpus="CUDAPIN_GPU_ARCH")
    assert [*hints(replace(MACHINE, read_from=both), BARE)] == [
        "`CUDAPIN_DRIVER_VERSION` and `CUDAPIN_GPU_ARCH` stand in for what this machine has"
    ]
    one = Sources(driver="NVML", gpus="CUDAPIN_GPU_ARCH")
    assert [*hints(replace(MACHINE, read_from=one), BARE)] == ["`CUDAPIN_GPU_ARCH` stands in for what this machine has"]


def test_a_container_without_gpu_and_a_divided_gpu_without_parts() -> None:
    assert [*hints(NONE, DOCKER)] == ["this docker container was started without a GPU"]
    asked = replace(DOCKER, settings=(("NVIDIA_VISIBLE_DEVICES", "all"),))
    assert [*hints(NONE, asked)] == [
        "this docker container was started without a GPU, whatever `NVIDIA_VISIBLE_DEVICES=all` asks for: "
        "the option is `--gpus all`"
    ]
    divided = replace(MACHINE, gpus=(replace(HOPPER, mig=()),))
    assert [*hints(divided, BARE)] == ["NVIDIA H200 is in MIG mode and has no part: no CUDA program can use it"]


def test_the_identity_of_a_gpu_is_not_told() -> None:
    assert shown_setting("GPU-a230e637-c9e1-1b61-3830-a437b874d88d,1") == "GPU-…,1"
    assert shown_setting("MIG-GPU-a230e637-c9e1/1/0") == "MIG-GPU-…"
    assert shown_setting("0,1,all") == "0,1,all"


VARIANTS = """
[tool.cudapin]
default = "cu128"
[tool.cudapin.variants.cu128]
arch = ["8.0", "9.0+ptx"]
[tool.cudapin.variants.cu130]
[tool.cudapin.variants.old]
cuda = "12.8"
arch = ["7.0"]
requires-python = "<3.11"
platforms = ["win_amd64"]
[tool.cudapin.variants.many]
cuda = ["13.0", "12"]
[tool.cudapin.variants.young]
cuda = []
extra = "young"
requires-python = ">=3.14"
[tool.cudapin.variants.cpu]
"""


@pytest.mark.parametrize(
    ("name", "machine", "fits", "reasons"),
    [
        (
            "cu128",
            MACHINE,
            True,
            (
                "driver 570.86.10 is not older than 525.60.13, the lowest for CUDA 12",
                "NVIDIA H200 (9.0) is served by the wheel's architectures 8.0, 9.0+ptx",
            ),
        ),
        ("cu130", MACHINE, False, ("driver 570.86.10 is older than 580.65.06, the lowest for CUDA 13",)),
        ("cu130", NONE, False, ("no NVIDIA driver was found", "no GPU was found")),
        (
            "old",
            MACHINE,
            False,
            (
                "it exists for Python <3.11, this is Python 3.12.4 on linux x86_64",
                "its wheels are for win_amd64, which this Python does not install",
                "NVIDIA H200 (9.0) is not served by the wheel's architectures 7.0",
            ),
        ),
        (
            "many",
            MACHINE,
            True,
            (
                "driver 570.86.10 is not older than 525.60.13, the lowest for CUDA 12",
                "NVIDIA H200 (9.0) is served by the architectures of CUDA 12",
            ),
        ),
        ("young", NONE, False, ("it exists for Python >=3.14, this is Python 3.12.4 on linux x86_64",)),
        ("cpu", NONE, True, ("it needs no GPU",)),
    ],
)
def test_which_variants_fit(name: str, machine: Machine, fits: bool, reasons: tuple[str, ...]) -> None:  # noqa: FBT001
    variant = config_of(VARIANTS).variants[name]
    found = judge_fit(variant, machine, FACTS, "linux", LINUX, ("linux_x86_64",))
    assert found == VariantFit(name=name, fits=fits, reasons=reasons)


REPORT = Report(
    cudapin="1.0",
    machine=MachineReport(
        machine=replace(
            MACHINE,
            gpus=(replace(HOPPER, mig=(MigDevice(name="MIG 1g.18gb", memory_mib=16384),)),),
            gaps=("NVML: NVMLError_GpuIsLost: GPU is lost",),  # another GPU than the one that is told
        ),
        around=replace(DOCKER, settings=(("CUDA_VISIBLE_DEVICES", "GPU-a230e637"),)),
        cuda=CUDA_128,
        cuda_source="NVML",
        toolkits=(Toolkit(version=CUDA_128, path="/home/me/cuda", source="`CUDA_HOME`"),),
        compilers=(HostCompiler(kind="gcc", major=13, source="`gcc` on PATH"),),
        cudnn=Cudnn(version="9.8.0", path="/usr/include/cudnn_version.h"),
        hints=("a hint",),
    ),
    environment=EnvironmentReport(
        environment=Environment(
            executable="/home/me/venv/bin/python",
            prefix="/home/me/venv",
            version="3.12.4",
            markers=LINUX,
            packages={
                "demo": InstalledPackage(name="demo", version="1"),
                "numpy": InstalledPackage(name="n", version="2"),
            },
            is_default=False,
        ),
        packages=(
            CudaPackage(
                name="demo",
                version="1+cu128",
                belonging=Belonging(cuda=CUDA_128, kind="cuda", evidence="its record"),
                stamp=StampRecord(variant="cu128", cuda="12.8"),
            ),
        ),
        variant="cpu",
        asked_by="`--variant`",
        is_variant=False,
        total=3,
        differences=(
            Difference(name="numpy", kind="version", wanted="1", found="2"),
            Difference(name="torch", kind="missing", wanted="2.9.0+cpu", found=None),
        ),
    ),
    project=ProjectReport(
        name="demo",
        locks=(("uv.lock", "fresh"),),
        variants=(
            VariantFit(name="cpu", fits=True, reasons=("it needs no GPU",)),
            VariantFit(name="cu130", fits=False, reasons=("one", "two")),
        ),
    ),
)


def test_the_text_to_paste() -> None:
    assert (
        render_report(REPORT, lambda line: redact(line, "/home/me"))
        == """\
cudapin 1.0
machine
  system     linux x86_64, docker (`/.dockerenv`)
  driver     570.86.10 (NVML)
  CUDA       12.8 (NVML)
  GPU 0      NVIDIA H200, compute capability 9.0, 143771 MiB, MIG mode (NVML)
             - MIG 1g.18gb, 16384 MiB
  toolkit    CUDA 12.8, ~/cuda (`CUDA_HOME`)
  compiler   GCC 13 (`gcc` on PATH)
  cuDNN      9.8.0 (/usr/include/cudnn_version.h)
  variable   CUDA_VISIBLE_DEVICES=GPU-…
  hint       a hint
  not read   NVML: NVMLError_GpuIsLost: GPU is lost
environment
  Python     3.12.4 (CPython), ~/venv/bin/python
  packages   2 installed, 1 of them tied to CUDA
             demo  1+cu128  CUDA 12.8 (its record), stamped `cu128`
  variant    it is not `cpu`: 2 differences (asked for by `--variant`)
             wanted `numpy` 1, found 2
             `torch 2.9.0+cpu` is missing
project
  name       demo
  lock       uv.lock: fresh
  variant    cpu: fits: it needs no GPU
  variant    cu130: does not fit
             - one
             - two"""
    )


def test_the_text_where_there_is_nothing() -> None:
    nothing = Report(
        cudapin="1.0",
        machine=MachineReport(
            machine=replace(NONE, read_from=Sources(gpus="CUDAPIN_GPU_ARCH")), around=BARE, cuda=None, cuda_source=None
        ),
        environment=EnvironmentReport(
            environment=Environment(executable="/usr/bin/python", prefix="/usr", version="3.12.4", markers=LINUX),
            packages=(),
        ),
        project=ProjectReport(failure="there is no project here"),
    )
    assert (
        render_report(nothing, str)
        == """\
cudapin 1.0
machine
  system     linux x86_64
  driver     none was found
  GPU        none (CUDAPIN_GPU_ARCH)
  toolkit    none was found
  cuDNN      none outside of Python
  not read   NVML: no NVIDIA driver library on this machine
environment
  Python     3.12.4 (CPython), /usr/bin/python, which runs this
  packages   0 installed, none of them tied to CUDA
project
  name       none
  not read   there is no project here"""
    )


def test_json() -> None:
    found = report_object(REPORT)
    assert found["machine"] == {
        "driver": "570.86.10",
        "cuda": "12.8",
        "gpus": [
            {
                "name": "NVIDIA H200",
                "arch": "9.0",
                "memory_mib": 143771,
                "mig": [{"name": "MIG 1g.18gb", "memory_mib": 16384}],
            }
        ],
        "toolkit": {"version": "12.8", "path": "/home/me/cuda", "source": "`CUDA_HOME`"},
        "toolkits": [{"version": "12.8", "path": "/home/me/cuda", "source": "`CUDA_HOME`"}],
        "compilers": [{"kind": "gcc", "major": 13, "source": "`gcc` on PATH"}],
        "cudnn": {"version": "9.8.0", "path": "/usr/include/cudnn_version.h"},
        "system": "linux x86_64",
        "container": "docker",
        "wsl": False,
        "devices": [],
        "libraries": {"libcuda.so.1": None, "libnvidia-ml.so.1": None},
        "settings": {"CUDA_VISIBLE_DEVICES": "GPU-…"},
        "sources": {"driver": "NVML", "cuda": "NVML", "gpus": "NVML"},
        "gaps": ["NVML: NVMLError_GpuIsLost: GPU is lost"],
        "hints": ["a hint"],
    }
    assert found["variants"] == [
        {"name": "cpu", "fits": True, "reasons": ["it needs no GPU"]},
        {"name": "cu130", "fits": False, "reasons": ["one", "two"]},
    ]
    assert {key: found["environment"][key] for key in ("variant", "is_variant", "matches")} == {
        "variant": "cpu",
        "is_variant": False,
        "matches": [],
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/x", "~/x"),
        ("`/home/me`", "`~`"),
        ("/home/meier/x", "/home/…/x"),
        ("C:\\Users\\you\\venv", "C:\\Users\\…\\venv"),
        ("/scratch/me/venv", "/scratch/…/venv"),
        ("(root@build-7.example)", "(…@…)"),
        ("it's /home/me/x", "it's ~/x"),
        ("a\x1b[31mb\u202ec\nd", "a?[31mb?c?d"),
        ("/homes/x", "/homes/x"),
    ],
)
def test_what_is_nobodys_business(text: str, shown: str) -> None:
    assert redact(text, "/home/me", "me") == shown
