"""Whether a build runs on a machine: driver by CUDA major, GPU by architecture, PTX by toolkit."""

from __future__ import annotations

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.cuda import parse_cuda
from cudapin.core.machine import Fit, Gpu, Machine, driver_key, fits, lowest_driver

FACTS = read_facts({})


def machine(driver: str | None, *archs: str) -> Machine:
    return Machine(driver=driver, gpus=tuple(Gpu(name="GPU", arch=arch) for arch in archs))


def fit(cuda: str, arch: str, here: Machine, *, floor: str | None = None, platform: str = "linux") -> Fit:
    return fits(parse_cuda(cuda), tuple(arch.split()), floor, here, FACTS, platform)


def test_a_build_without_cuda_runs_everywhere() -> None:
    assert fits(None, (), None, machine(None), FACTS, "macos") == Fit(fits=True, reasons=("it needs no GPU",))


def test_what_was_compared_is_told() -> None:
    assert fit("12.8", "8.0 9.0", machine("570.86.10", "9.0")) == Fit(
        fits=True,
        reasons=(
            "driver 570.86.10 is not older than 525.60.13, the lowest for CUDA 12",
            "GPU (9.0) is served by the wheel's architectures 8.0, 9.0",
        ),
    )


@pytest.mark.parametrize(
    ("driver", "cuda", "expected"),
    [
        ("525.60.13", "12.8", True),
        ("525.60.12", "12.8", False),
        ("535.104.05", "12.9", True),
        ("535.104.05", "13.0", False),
        ("580.65.06", "13.5", True),
        ("450.80.02", "11.8", True),
        ("450.80", "11.8", False),
        ("999.1", "12.8", True),
        ("999.1", "14.0", False),
    ],
)
def test_the_driver_is_judged_by_the_cuda_major(driver: str, cuda: str, *, expected: bool) -> None:
    assert fit(cuda, "9.0", machine(driver, "9.0")).fits is expected


def test_windows_has_its_own_drivers() -> None:
    assert fit("12.8", "8.9", machine("527.41", "8.9"), platform="win32").fits
    assert not fit("12.8", "8.9", machine("526.99", "8.9"), platform="win32").fits
    assert fit("13.0", "8.9", machine("581.15", "8.9"), platform="win32").fits


def test_the_variants_own_floor_replaces_that_of_the_facts() -> None:
    here = machine("535.104.05", "9.0")
    assert fit("12.8", "9.0", here, floor="570.26") == Fit(
        fits=False, reasons=("driver 535.104.05 is older than 570.26, the lowest for CUDA 12",)
    )
    assert fit("13.0", "9.0", here, floor="535").fits


@pytest.mark.parametrize(
    ("gpu", "arch", "expected"),
    [
        ("8.6", "8.0", True),
        ("8.0", "8.6", False),
        ("9.0", "8.0", False),
        ("9.0", "9.0a", True),
        ("10.3", "10.0a", False),
        ("10.3", "10.0f", True),
        ("12.1", "12.0f", True),
        ("12.0", "12.1f", False),
        ("12.0", "10.0f", False),
        ("12.0", "9.0+ptx", True),
        ("12.0", "9.0+PTX", True),
        ("8.0", "9.0+ptx", False),
        ("12.0", "10.0f+ptx", False),
        ("10.3", "10.0a+ptx", False),
        ("8.9", "8.0 9.0", True),
        ("7.5", "8.0 9.0", False),
        ("9.0", "nonsense", False),
    ],
)
def test_the_gpu_is_judged_by_the_declared_architectures(gpu: str, arch: str, *, expected: bool) -> None:
    assert fit("12.9", arch, machine("580.95.05", gpu)).fits is expected


@pytest.mark.parametrize(
    ("cuda", "gpu", "expected"),
    [
        ("13.0", "6.1", False),
        ("12.9", "6.1", True),
        ("11.8", "3.5", True),
        ("12.6", "12.0", False),
        ("12.8", "12.0", True),
        ("12.8", "12.1", True),
        ("11.7", "8.9", True),
        ("12.8", "13.0", False),
        ("12", "9.0", True),
        ("12", "12.0", False),
        ("13.9", "9.0", True),
    ],
)
def test_without_declared_architectures_the_toolkits_own_count(cuda: str, gpu: str, *, expected: bool) -> None:
    """8.9 on CUDA 11.7: its binaries for 8.6 run there, though it cannot compile for 8.9 itself."""
    assert fit(cuda, "", machine("999.0", gpu)).fits is expected


def test_a_gpu_that_the_toolkit_left_behind() -> None:
    assert fit("13.0", "", machine("580.95.05", "6.1")) == Fit(
        fits=False, reasons=("GPU (6.1) is not served by the architectures of CUDA 13.0",)
    )


def test_ptx_alone_needs_the_driver_of_the_toolkit() -> None:
    assert fit("12.8", "8.0+ptx", machine("535.104.05", "9.0")) == Fit(
        fits=False, reasons=("driver 535.104.05 is older than 570.26, the lowest for PTX of CUDA 12.8",)
    )
    assert fit("12.8", "8.0+ptx", machine("570.26", "9.0")) == Fit(
        fits=True,
        reasons=(
            "driver 570.26 is not older than 525.60.13, the lowest for CUDA 12",
            "GPU (9.0) is served by the wheel's architectures 8.0+ptx through PTX",
            "driver 570.26 is not older than 570.26, the lowest for PTX of CUDA 12.8",
        ),
    )
    assert fit("12.8", "8.0+ptx 9.0", machine("535.104.05", "9.0")).fits


def test_ptx_of_a_toolkit_whose_driver_is_not_known_is_no_fit() -> None:
    assert fit("13.5", "8.0+ptx", machine("999.0", "9.0")) == Fit(
        fits=False, reasons=("the lowest driver for PTX of CUDA 13.5 is not known",)
    )


def test_one_gpu_that_is_served_is_enough_and_the_others_are_named() -> None:
    result = fit("13.0", "", machine("580.95.05", "6.1", "9.0"))
    assert result.fits
    assert "GPU (6.1) is not served by the architectures of CUDA 13.0" in result.reasons


def test_without_driver_or_gpu_nothing_fits_and_the_gaps_are_told() -> None:
    here = Machine(driver=None, gpus=(), gaps=("NVML: the NVIDIA kernel module is not loaded",))
    assert fit("12.8", "9.0", here) == Fit(
        fits=False,
        reasons=("no NVIDIA driver was found", "no GPU was found", "NVML: the NVIDIA kernel module is not loaded"),
    )
    assert not fit("12.8", "", machine("580.95.05")).fits
    assert not fit("12.8", "", machine(None, "9.0")).fits


def test_an_unknown_major_is_no_fit() -> None:
    assert fit("14.0", "9.0", machine("999.0", "9.0")) == Fit(
        fits=False, reasons=("the lowest driver for CUDA 14 is not known",)
    )


def test_drivers_are_compared_by_number() -> None:
    assert driver_key("570.124.06") > driver_key("570.86.10")
    with pytest.raises(ValueError, match="invalid literal"):
        driver_key("570.x")


def test_the_lowest_driver_of_several_cudas() -> None:
    assert lowest_driver(FACTS, [parse_cuda("13.0"), parse_cuda("12")], "linux") == "525.60.13"
    assert lowest_driver(FACTS, [parse_cuda("12"), parse_cuda("29")], "linux") is None
    assert lowest_driver(FACTS, [], "linux") is None
