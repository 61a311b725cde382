"""One CUDA kernel: y = a * x + y on the GPU, for buffers of float32. Importing it needs no GPU."""

from __future__ import annotations

from pkgutil import extend_path

# In an editable install the compiled module lies in site-packages, away from this file.
__path__ = extend_path(__path__, __name__)

from saxpy_kernel._saxpy import compiled_with, device_count, saxpy

__all__ = ["compiled_with", "device_count", "saxpy"]
