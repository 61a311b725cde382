"""Runs the kernel once, or says why it cannot."""

from __future__ import annotations

from array import array

from saxpy_kernel import compiled_with, device_count, saxpy

release = ".".join(map(str, compiled_with()))
print(f"compiled with CUDA {release}, GPUs: {device_count()}")
x, y = array("f", [1, 2, 3]), array("f", [10, 20, 30])
try:
    saxpy(2, x, y)
except RuntimeError as error:
    print(f"saxpy did not run: {error}")
else:
    print(f"2 * [1, 2, 3] + [10, 20, 30] = {y.tolist()}")
