"""`nvidia-smi` as the last one to be asked: its answers, old and new labels, and what it says when it fails."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from cudapin.adapters.machine import read_machine
from cudapin.adapters.nvml import Reading
from cudapin.adapters.smi import parse_answer, parse_banner, read_smi
from cudapin.core.cuda import CudaVersion
from cudapin.core.machine import Gpu, Machine, MigDevice, Sources

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake program is a shell script")

HOPPER = Gpu(name="NVIDIA H200", arch="9.0", memory_mib=143771)
ROW = "NVIDIA H200, 9.0, 143771, 570.86.10, [N/A]"
OLD = "| NVIDIA-SMI 570.86.10   Driver Version: 570.86.10    CUDA Version: 12.8     |"
NEW = "| NVIDIA-SMI 610.57.04              KMD Version: 610.57.04     CUDA UMD Version: 13.3     |"
NO_NVML = Reading(gaps=("NVML: `pynvml` of nvidia-ml-py cannot be imported (no)",))


def fake(folder: Path, row: str = ROW, banner: str = OLD, tail: str = "") -> dict[str, str]:
    """Put a program on PATH that answers the question for its fields with a row, and any other with the banner."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "nvidia-smi"
    program.write_text(f'#!/bin/sh\ncase "$1" in --query*) echo "{row}";; *) echo "{banner}";; esac\n{tail}\n')
    program.chmod(0o755)
    return {"PATH": str(folder)}


def test_a_machine_that_only_nvidia_smi_tells(tmp_path: Path) -> None:
    found = read_machine(fake(tmp_path / "bin"), tmp_path, lambda: NO_NVML)
    assert found == Machine(
        driver="570.86.10",
        gpus=(HOPPER,),
        gaps=(
            *NO_NVML.gaps,
            "`/sys/module/nvidia/version`: No such file or directory",
            "`/proc/driver/nvidia/version`: No such file or directory",
        ),
        sources=("nvidia-smi",),
        cuda=CudaVersion(major=12, minor=8),
    )
    assert found.read_from == Sources(driver="nvidia-smi", cuda="nvidia-smi", gpus="nvidia-smi")


def test_it_adds_gpus_to_a_driver_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "sys/module/nvidia").mkdir(parents=True)
    (tmp_path / "sys/module/nvidia/version").write_text("570.86.10\n")
    found = read_machine(fake(tmp_path / "bin"), tmp_path, lambda: NO_NVML)
    assert found.read_from == Sources(driver="/sys/module/nvidia/version", cuda="nvidia-smi", gpus="nvidia-smi")
    assert found.sources == ("/sys/module/nvidia/version", "nvidia-smi")


def refuse(*_: object) -> Reading:
    pytest.fail("nvidia-smi must not be asked")


def test_it_is_not_asked_for_what_is_known(tmp_path: Path) -> None:
    nvml = Reading(driver="570.86.10", cuda=CudaVersion(major=12, minor=8), gpus=(HOPPER,))
    assert read_machine({}, tmp_path, lambda: nvml, refuse).driver == "570.86.10"
    no_gpu = Reading(driver="570.86.10")
    assert read_machine({}, tmp_path, lambda: no_gpu, refuse).gpus == ()
    known = Reading(gpus=(HOPPER,))
    assert read_machine({"CUDAPIN_DRIVER_VERSION": "570.86.10"}, tmp_path, lambda: known, refuse).gpus == (HOPPER,)
    given = {"CUDAPIN_DRIVER_VERSION": "570.86.10", "CUDAPIN_GPU_ARCH": ""}
    assert read_machine(given, tmp_path, lambda: NO_NVML, refuse).gpus == ()


def test_the_one_that_windows_lends(tmp_path: Path) -> None:
    fake(tmp_path / "usr" / "lib" / "wsl" / "lib")
    assert read_smi({"PATH": ""}, tmp_path).gpus == (HOPPER,)
    assert read_smi({}, tmp_path / "elsewhere").gaps == ("`nvidia-smi` is not on PATH",)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("", Reading()),
        (f"{ROW}\n{ROW}", Reading(driver="570.86.10", gpus=(HOPPER, HOPPER))),
        (
            "A100, 8.0, [N/A], 570.86.10, Enabled",
            Reading(
                driver="570.86.10",
                gpus=(
                    Gpu(name="A100", arch="8.0", mig=(MigDevice(name="parts that `nvidia-smi` does not name here"),)),
                ),
            ),
        ),
        (
            "K80, [N/A], 1, 450.1.2, x",
            Reading(driver="450.1.2", gaps=("`nvidia-smi` gives no compute capability of `K80`",)),
        ),
        ("No devices were found", Reading(gaps=("`nvidia-smi` answers `No devices were found`",))),
        ('"\0, 9.0', Reading(gaps=('`nvidia-smi` answers `", 9.0`',))),
    ],
)
def test_answers(text: str, reading: Reading) -> None:
    assert parse_answer(text) == reading


@pytest.mark.parametrize(
    ("text", "driver", "cuda"),
    [
        (OLD, "570.86.10", "12.8"),
        (NEW, "610.57.04", "13.3"),
        (
            "Driver Version                            : 450.66\nCUDA Version                              : 11.0",
            "450.66",
            "11.0",
        ),
        ("Driver Version: N/A CUDA Version: N/A", None, "None"),
        ("", None, "None"),
    ],
)
def test_banners(text: str, driver: str | None, cuda: str) -> None:
    found = parse_banner(text)
    assert (found[0], str(found[1])) == (driver, cuda)


def test_an_old_one_that_does_not_know_compute_capability(tmp_path: Path) -> None:
    row = 'Field \\"compute_cap\\" is not a valid field to query.'
    environ = fake(tmp_path, row, tail='case "$1" in --query*) exit 2;; esac')
    assert read_smi(environ) == Reading(
        driver="570.86.10",
        cuda=CudaVersion(major=12, minor=8),
        gaps=('`nvidia-smi`: exit 2: Field "compute_cap" is not a valid field to query.',),
    )


def test_a_program_that_cannot_run(tmp_path: Path) -> None:
    environ = fake(tmp_path, tail="exit 9")
    assert read_smi(environ) == Reading(
        driver="570.86.10",
        cuda=CudaVersion(major=12, minor=8),
        gaps=(f"`nvidia-smi`: exit 9: {ROW}", f"`nvidia-smi`: exit 9: {OLD}"),
    )
    (tmp_path / "nvidia-smi").write_text("#!/does/not/exist\n")
    assert read_smi(environ).gaps == ("`nvidia-smi`: No such file or directory",)
