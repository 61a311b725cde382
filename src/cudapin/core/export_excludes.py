"""The `--exclude` options with which auditwheel leaves out of a wheel what its requirements bring, and the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cudapin.core.config import Variant
    from cudapin.core.facts import Facts

__all__ = ["render_excludes"]

_DRIVER = ("libcuda.so.1", "libnvidia-ml.so.1")
_BESIDE = ("libcudnn.so.8", "libcudnn.so.9", "libcurand.so.10", "libcusparseLt.so.0", "libnccl.so.2")
"""What NVIDIA publishes beside the toolkit, and what has one name in all of them."""
_TORCH = (
    "libc10.so",
    "libc10_cuda.so",
    "libtorch.so",
    "libtorch_cpu.so",
    "libtorch_cuda.so",
    "libtorch_python.so",
)


def render_excludes(variant: Variant, facts: Facts) -> str:
    """Return one option a line: each library of the variant's CUDA under the names that files link, and torch's own.

    A variant without CUDA has only the driver and torch left out: a library of CUDA in its wheel is a mistake.
    """
    majors = {cuda.major for cuda in variant.cuda}
    names = {
        f"{name}.so.{version}"
        for name, rows in facts.libraries.items()
        for version, known in rows.items()
        if name.startswith("lib") and majors.intersection(known)
    }
    beside = _BESIDE if majors else ()
    return "\n".join(f"--exclude {name}" for name in (*_DRIVER, *_TORCH, *sorted({*names, *beside})))
