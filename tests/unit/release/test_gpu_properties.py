"""Drivers and GPUs of a wheel in the words of NVIDIA's provider: from its record, and never more than it runs on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cudapin.adapters.facts import read_facts
from cudapin.core.cuda import parse_cuda
from cudapin.release.gpu_properties import Unsayable, gpu_properties

FACTS = read_facts({})
LINUX, WINDOWS = ("manylinux_2_28_x86_64",), ("win_amd64",)


def record(cuda: str | list[str], *files: str | None, **more: Any) -> dict[str, Any]:
    """Return a record; each file is the architectures that it carries, None where they could not be read."""
    binaries = [
        {"path": f"demo/_{number}.so", "needed": [], "arch": None if file is None else file.split()}
        for number, file in enumerate(files)
    ]
    return {"variant": "cu", "cuda": cuda, "driver": None, "arch": [], "binaries": binaries, **more}


def bound(cuda: str | list[str], *files: str, platforms: tuple[str, ...] = LINUX, **more: Any) -> str:
    return str(gpu_properties(record(cuda, *files, **more), platforms, FACTS).lower_bound)


def archs(cuda: str, *files: str, **more: Any) -> str:
    return " ".join(gpu_properties(record(cuda, *files, **more), LINUX, FACTS).sm_arch)


def unsayable(found: dict[str, Any], platforms: tuple[str, ...] = LINUX) -> tuple[str, str, bool]:
    with pytest.raises(Unsayable) as caught:
        gpu_properties(found, platforms, FACTS)
    return caught.value.why, caught.value.fix, caught.value.is_unknown


@pytest.mark.parametrize("platforms", [LINUX, WINDOWS, ("any",), ("manylinux_2_28_x86_64", "win_amd64")])
@pytest.mark.parametrize(
    ("cuda", "wanted"),
    [
        ("11.8", "11.1"),  # 450.80 runs programs of CUDA 11, and drivers from 450.51 on report 11.0
        ("12", "12.0"),
        ("12.6", "12.0"),
        ("12.9", "12.0"),
        ("13.0", "13.0"),
        ("13.2", "13.0"),
        (["12.6", "13.0"], "12.0"),
    ],
)
def test_the_driver_is_that_of_the_major(cuda: str | list[str], wanted: str, platforms: tuple[str, ...]) -> None:
    assert bound(cuda, platforms=platforms) == wanted


@pytest.mark.parametrize(
    ("driver", "wanted"),
    [
        ("525.60.13", "12.0"),  # as each record has it, made on Linux
        ("527.41", "12.0"),  # and on Windows
        ("560.28.03", "12.6"),
        ("560.35", "12.8"),  # some drivers that report 12.6 are older
        ("570.26", "12.8"),
    ],
)
def test_a_declared_driver(driver: str, wanted: str) -> None:
    assert bound("12.6", driver=driver) == wanted


def test_the_default_driver_of_linux_says_nothing_about_windows() -> None:
    assert bound("12.6", driver="525.60.13", platforms=WINDOWS) == "12.0"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ("compute_80", "12.6"),
        ("compute_80 compute_90", "12.6"),
        ("sm_80 compute_80", "12.0"),
    ],
)
def test_ptx_alone_needs_the_driver_of_the_toolkit(files: str, wanted: str) -> None:
    assert bound("12.6", files) == wanted


def test_ptx_alone_of_a_major_is_taken_to_be_of_its_newest_toolkit() -> None:
    assert bound("12", "compute_80") == "12.9"
    assert bound("12.6", "compute_80", build={"nvcc": "12.8"}) == "12.8"


@pytest.mark.parametrize(
    ("cuda", "files", "wanted"),
    [
        ("12.6", ["sm_80 sm_90"], "80_real 90_real"),
        ("12.8", ["sm_80 sm_100 sm_75"], "100_real 75_real 80_real"),  # sorted as text
        ("12.8", ["sm_80", "sm_80"], "80_real"),
        ("12.8", [""], ""),  # no device code: whatever the driver serves
        ("12.8", [], ""),
        # PTX serves all later GPUs: for those from 10.0 on there is no driver that does not read the PTX of 12.8
        ("11.8", ["sm_80 compute_80"], "100_virtual 110_virtual 120_virtual 80_real 80_virtual 90_virtual"),
        ("12.8", ["sm_80 compute_80"], "100_virtual 110_virtual 120_virtual 80_real 80_virtual"),
        ("12.8", ["compute_80"], "100_virtual 110_virtual 120_virtual 80_virtual 90_virtual"),
        # PTX of 12.9 on a driver of 12.8: for a GPU of 10.0 and 12.0 there is such a driver, and for 9.0 older ones
        ("12.9", ["sm_80 compute_80"], "110_virtual 80_real 80_virtual"),
        ("12.9", ["sm_90 compute_90"], "110_virtual 90_real 90_virtual"),
        ("13.0", ["sm_90 compute_90"], "100_virtual 110_virtual 120_virtual 90_real 90_virtual"),
        # only 9.0 is a known GPU of 9.x, so that `a` takes nothing away; of 10.x there are several
        ("12.8", ["sm_90a"], "90_real"),
        ("12.8", ["sm_90a sm_100a"], "90_real"),
        ("12.9", ["sm_90a sm_100f"], "100_real 90_real"),
        ("12.8", ["sm_90 compute_100a"], "90_real"),
        # what the provider takes for nothing
        ("12.8", ["sm_80 compute_86"], "100_virtual 110_virtual 120_virtual 80_real 86_virtual"),
        # each file has to serve a GPU, but where the project says that one of them is enough
        ("12.8", ["sm_80 sm_90", "sm_80"], "80_real"),
        ("12.8", ["sm_90 sm_80", "compute_80"], "80_real 80_virtual 90_real 90_virtual"),
    ],
)
def test_architectures(cuda: str, files: list[str], wanted: str) -> None:
    assert archs(cuda, *files) == wanted


def test_a_file_for_each_architecture_is_what_the_project_declares() -> None:
    assert archs("12.8", "sm_80", "sm_90", arch=["8.0", "9.0"]) == "80_real 90_real"
    why, fix, _ = unsayable(record("12.8", "sm_80", "sm_90"))
    assert why == "the compiled files carry `sm_80`, `sm_90`, and no property stands for just the GPUs that run them"
    assert fix == "compile for an architecture without `a` too, let every file carry it, or declare `arch`"


def test_without_device_code_what_is_declared_counts() -> None:
    assert archs("12.8", arch=["8.0", "9.0"]) == "80_real 90_real"
    assert archs("12.8", "", arch=["12.0+ptx"]) == "120_real 120_virtual"


def test_libraries_of_nvidia_in_the_wheel_do_not_count() -> None:
    found = record("12.8", "sm_80")
    found["binaries"].append({"path": "demo.libs/libcublas-0123abcd.so.12.8.4.1", "needed": [], "arch": ["sm_50"]})
    assert gpu_properties(found, LINUX, FACTS).sm_arch == ("80_real",)


def test_an_architecture_that_no_property_stands_for() -> None:
    why, _, is_unknown = unsayable(record("12.8", "sm_120a"))
    assert why == "the compiled files carry `sm_120a`, and no property stands for just the GPUs that run them"
    assert not is_unknown


@pytest.mark.parametrize(
    ("found", "why", "is_unknown"),
    [
        (
            record("12.8", None),
            "which architectures `demo/_0.so` carries could not be read when the wheel was built",
            True,
        ),
        (
            record("12.8", "gfx90a"),
            "which architectures `demo/_0.so` carries could not be read when the wheel was built",
            True,
        ),
        (record("12.8", binaries=None), "the record does not list the compiled files", True),
        (record("12.8", binaries=["x"]), "the record does not list the compiled files", True),
        (record("10.2"), "the lowest driver for CUDA 10.2 on linux is not known", False),
        (record("12.8", driver="9000"), "which CUDA the drivers from 9000 on report is not known", False),
        (record("12.8", driver="x"), None, False),
        ({"variant": "cpu", "cuda": None}, "the record names no CUDA", False),
        ({}, "the record names no CUDA", False),
    ],
)
def test_what_cannot_be_said(found: dict[str, Any], why: str | None, is_unknown: bool) -> None:  # noqa: FBT001
    if why is None:
        assert gpu_properties(found, LINUX, FACTS).lower_bound.major == 12
    else:
        assert unsayable(found)[::2] == (why, is_unknown)


def test_a_cuda_that_the_provider_does_not_know() -> None:
    sixteen = parse_cuda("16.0")
    facts = replace(
        FACTS,
        toolkits=(*FACTS.toolkits, sixteen),
        minimum_drivers={"16": {"linux": "900.1"}},
        toolkit_drivers={**FACTS.toolkit_drivers, "16.0": {"linux": "900.1"}},
    )
    with pytest.raises(Unsayable, match=r"^the provider of installers knows no CUDA 16\.0$"):
        gpu_properties(record("16.0"), LINUX, facts)
