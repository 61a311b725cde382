"""The installed wheel loads anywhere, and computes where there is a GPU."""

from __future__ import annotations

from array import array
from importlib.metadata import version

import pytest
from saxpy_kernel import compiled_with, device_count, saxpy


def test_it_was_compiled_by_the_compiler_of_its_variant() -> None:
    label = version("saxpy-kernel").partition("+")[2]
    assert label in ("", f"cu{compiled_with()[0]}{compiled_with()[1]}")  # the default variant has no label


def test_without_a_gpu_it_says_so_and_changes_nothing() -> None:
    if device_count():
        pytest.skip("there is a GPU")
    y = array("f", [10, 20])
    with pytest.raises(RuntimeError, match=r"^cudaError(NoDevice|InsufficientDriver): "):
        saxpy(2, array("f", [1, 2]), y)
    assert y.tolist() == [10, 20]


def test_buffers_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="two float32 buffers of one length"):
        saxpy(2, array("f", [1, 2]), array("f", [1]))
    saxpy(2, array("f"), array("f"))


@pytest.mark.gpu
@pytest.mark.parametrize("size", [1, 256, 100_003])
def test_the_kernel_computes(size: int) -> None:
    x, y = array("f", range(size)), array("f", [0.5]) * size
    saxpy(2, x, y)
    assert y.tolist() == [2 * number + 0.5 for number in range(size)]
