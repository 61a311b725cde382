"""What installers offer a wheel to, by its variant properties, is what cudapin itself says that the wheel fits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cudapin.adapters.facts import read_facts
from cudapin.core.cuda import parse_cuda
from cudapin.core.machine import Gpu, Machine, fits
from cudapin.release.gpu_properties import GpuProperties, Unsayable, gpu_properties

pytestmark = pytest.mark.property
FACTS = read_facts({})
TOOLKITS = [str(cuda) for cuda in FACTS.toolkits if FACTS.ptx_driver(cuda, "linux")]
GPUS = [gpu for gpu in FACTS.architectures if int(gpu.partition(".")[0]) >= 5]
CUDAS = st.sampled_from([cuda for cuda in TOOLKITS if cuda != "13.5"])


@st.composite
def _archs(draw: Any, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    numbers = draw(st.lists(st.sampled_from(GPUS), min_size=1, max_size=5, unique=True))
    return tuple(number + draw(st.sampled_from(suffixes)) for number in numbers)


def record(cuda: str, archs: tuple[str, ...]) -> dict[str, Any]:
    names = []
    for entry in archs:
        number, _, ptx = entry.replace(".", "").partition("+")
        names += [f"sm_{number}", *([f"compute_{number}"] if ptx else [])]
    binaries = [{"path": "demo/_ext.so", "needed": [], "arch": names}]
    return {"variant": "cu", "cuda": cuda, "driver": None, "arch": [], "binaries": binaries}


def is_offered(found: GpuProperties, driver: str, gpu: str) -> bool:
    """Do as nvidia-variant-provider 0.0.1 does."""
    major, minor = gpu.split(".")
    known = {f"{major}{number}_real" for number in range(int(minor) + 1)} | {f"{major}0_virtual"}
    return parse_cuda(driver).sort_key >= found.lower_bound.sort_key and bool(known & {*found.sm_arch})


def is_fit(cuda: str, archs: tuple[str, ...], driver: str, gpu: str) -> bool:
    """Ask what the command line says of the oldest driver of a CUDA version."""
    version = FACTS.ptx_driver(parse_cuda(driver), "linux")
    machine = Machine(driver=version, gpus=(Gpu(name="GPU", arch=gpu),))
    return fits(parse_cuda(cuda), archs, None, machine, FACTS, "linux").fits


@settings(max_examples=600, deadline=None)
@given(cuda=CUDAS, archs=_archs(("", "", "a", "f", "+ptx", "a+ptx")), driver=CUDAS, gpu=st.sampled_from(GPUS))
def test_a_wheel_is_offered_to_no_machine_that_it_does_not_fit(
    cuda: str, archs: tuple[str, ...], driver: str, gpu: str
) -> None:
    assume(parse_cuda(driver).sort_key >= FACTS.architectures[gpu].first.sort_key)  # else there is no such machine
    try:
        found = gpu_properties(record(cuda, archs), ("linux_x86_64",), FACTS)
    except Unsayable:
        return
    assert is_fit(cuda, archs, driver, gpu) or not is_offered(found, driver, gpu)


@settings(max_examples=300, deadline=None)
@given(cuda=CUDAS, archs=_archs(("",)), driver=CUDAS, gpu=st.sampled_from(GPUS))
def test_binary_code_is_offered_wherever_it_fits(cuda: str, archs: tuple[str, ...], driver: str, gpu: str) -> None:
    found = gpu_properties(record(cuda, archs), ("linux_x86_64",), FACTS)
    if driver != "11.0":  # some of its drivers run CUDA 11, and the provider does not see which
        assert is_offered(found, driver, gpu) == is_fit(cuda, archs, driver, gpu)
