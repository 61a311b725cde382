"""Each cell must hold the torch of its variant, and the wheel that was built for it."""

from __future__ import annotations

from importlib.metadata import requires, version
from typing import TYPE_CHECKING

import pytest
import torch_app

if TYPE_CHECKING:
    from cudapin.plugin.pytest_session import CudapinInfo


def test_torch_is_of_the_variant(cudapin: CudapinInfo) -> None:
    assert version("torch").partition("+")[2] == cudapin.variant
    assert torch_app.build_cuda() == cudapin.cuda


def test_the_wheel_is_of_the_variant(cudapin: CudapinInfo) -> None:
    label = version("torch-app").partition("+")[2]
    assert label == ("" if cudapin.variant == "cpu" else cudapin.variant)


def test_the_wheel_requires_the_torch_that_is_tested(cudapin: CudapinInfo) -> None:
    public = version("torch").partition("+")[0]
    wanted = f'torch=={public}; extra == "cpu"' if cudapin.variant == "cpu" else f"torch=={public}"
    assert wanted.replace('"', "'") in [item.replace('"', "'") for item in requires("torch-app") or ()]


def test_it_computes() -> None:
    assert torch_app.total([1, 2, 3]) == sum([1, 2, 3])


@pytest.mark.gpu(arch="7.5", min_memory="1 GB")
def test_it_computes_on_the_gpu() -> None:
    assert torch_app.best_device() == "cuda"
    assert torch_app.total([1, 2, 3]) == sum([1, 2, 3])
