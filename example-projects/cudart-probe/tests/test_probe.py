"""The installed wheel must answer with the CUDA that its version label names."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import cudart_probe
import pytest


def declared_cuda() -> tuple[int, int] | None:
    """Return (12, 6) for the installed version 1.0.0+cu126, None for a version without label."""
    label = version("cudart-probe").partition("+")[2]
    return (int(label[2:-1]), int(label[-1])) if label.startswith("cu") else None


@pytest.fixture
def cuda() -> tuple[int, int]:
    """Give the declared CUDA; skip where the installed wheel is the CPU variant."""
    declared = declared_cuda()
    if declared is None:
        pytest.skip("the installed wheel is of the CPU variant")
    return declared


def as_pair(number: int | None) -> tuple[int, int]:
    """Return (12, 6) for CUDA's own number, 12060."""
    assert number is not None
    return number // 1000, number % 1000 // 10


def test_headers_are_those_of_the_variant(cuda: tuple[int, int]) -> None:
    assert as_pair(cudart_probe.headers_version()) == cuda


def test_loaded_runtime_is_of_the_same_major(cuda: tuple[int, int]) -> None:
    library = cudart_probe.runtime_library()
    assert library is not None
    assert Path(library).name.split(".so.")[1].split(".")[0] == str(cuda[0])


def test_runtime_answers_with_the_same_major(cuda: tuple[int, int]) -> None:
    if cudart_probe.runtime_version() == 0:
        pytest.skip("CUDA 11 does not tell its version without a driver")
    assert as_pair(cudart_probe.runtime_version())[0] == cuda[0]


def test_driver_answers_or_is_absent(cuda: tuple[int, int]) -> None:
    driver = cudart_probe.driver_version()
    assert driver is not None
    assert driver == 0 or as_pair(driver)[0] >= cuda[0]


@pytest.mark.gpu
def test_driver_serves_the_runtime(cuda: tuple[int, int]) -> None:
    assert as_pair(cudart_probe.runtime_version()) == cuda
    assert as_pair(cudart_probe.driver_version())[0] >= cuda[0]


@pytest.mark.skipif(declared_cuda() is not None, reason="the installed wheel is of a CUDA variant")
def test_cpu_variant_knows_no_cuda() -> None:
    assert cudart_probe.headers_version() is None
    assert cudart_probe.runtime_version() is None
    assert cudart_probe.runtime_library() is None
    assert cudart_probe.driver_version() is None


def test_info_names_the_installed_version() -> None:
    assert cudart_probe.info()["version"] == version("cudart-probe")
