"""Each cell must hold the CuPy of its variant's CUDA, and no other."""

from __future__ import annotations

from importlib.metadata import distributions
from typing import TYPE_CHECKING

import cupy_app
import pytest

if TYPE_CHECKING:
    from cudapin.plugin.pytest_session import CudapinInfo


def test_cupy_is_of_the_variant(cudapin: CudapinInfo) -> None:
    wanted = {f"cupy-cuda{cudapin.cuda}x"} if cudapin.cuda else set()
    found = {str(found.metadata["Name"]).lower() for found in distributions()}
    assert {name for name in found if name.startswith("cupy")} - {"cupy-app"} == wanted
    assert cupy_app.has_cupy() is bool(wanted)


def test_it_adds_up() -> None:
    assert cupy_app.total([1, 2, 3]) == sum([1, 2, 3])


@pytest.mark.gpu
def test_it_adds_up_on_the_gpu() -> None:
    assert cupy_app.total([1, 2, 3], on_gpu=True) == sum([1, 2, 3])
