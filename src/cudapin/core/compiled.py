"""What a compiled file says about CUDA: which major it is linked to, and whether it has to do with CUDA at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cudapin.core.cuda import cuda_of_digits
from cudapin.core.libraries import majors_of_library, original_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.binary import BinaryInfo
    from cudapin.core.cuda import CudaVersion
    from cudapin.core.facts import Facts

__all__ = ["Binary", "Trace", "binary_objects", "cuda_of_path", "is_cuda_library", "is_host", "traces_of", "uses_cuda"]

_STEM = re.compile(r"(lib.+?)\.so(?:\.[\d.]+)?|(.+?)_\d+(?:_\d+)?\.dll")
_OTHERS = re.compile(r"lib(?:curand|cudnn|nccl|cusparseLt|cufile|cudla|nvshmem|cutensor|nvToolsExt)|(?:curand|cudnn)64")
"""Libraries of NVIDIA's whose names tell no major."""
_DRIVER = re.compile(r"lib(?:cuda|nvidia-[\w-]+)\.so(?:\.[\d.]+)?|nvcuda\.dll")
_TORCH_CUDA = re.compile(r"(?:lib)?(?:torch_cuda|c10_cuda)\w*\.(?:so|dll)")
_PATH_CUDA = re.compile(r"(?<![a-z0-9])(?:lib)?cu(?:da)?[-_.]?(\d{2,3})(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A compiled file of a wheel, by its path in there."""

    path: str
    info: BinaryInfo

    @property
    def libraries(self) -> tuple[str, ...]:
        """The libraries that it needs, those that Windows loads late among them."""
        return (*self.info.needed, *self.info.delayed)

    @property
    def name(self) -> str:
        """The name of the file, as it was before a wheel was repaired."""
        return original_name(self.path.rpartition("/")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What shows that a file is of a CUDA major; `found` is a clause for a message.

    `library` is what it needs of that major, None for a trace in the file itself. `at_least`: it may be of a lower one.
    """

    major: int
    found: str
    library: str | None = None
    at_least: bool = False


def is_host(binary: Binary) -> bool:
    """Tell whether a file is one that the loader of Linux or Windows takes."""
    return binary.info.format in ("elf", "pe") and binary.info.machine != "cuda"


def is_driver_name(name: str) -> bool:
    """Tell whether a library is part of the driver."""
    return _DRIVER.fullmatch(original_name(name)) is not None


def library_stem(name: str) -> str:
    """Return the name of a library without version, in lower case for Windows; "" for what looks like none."""
    name = original_name(name)
    match = _STEM.fullmatch(name) or _STEM.fullmatch(name.lower())
    return (match[1] or match[2]) if match else ""


def is_cuda_library(name: str, facts: Facts) -> bool:
    """Tell whether a library is one of CUDA's, or of what NVIDIA publishes beside it."""
    stem = library_stem(name)
    return stem in facts.libraries or _OTHERS.match(stem) is not None


def uses_cuda(binary: Binary, facts: Facts) -> bool:
    """Tell whether a file has anything of CUDA: its libraries, its runtime, the driver, device code, CUDA in torch."""
    info = binary.info
    return bool(
        info.codes
        or info.static_cudart
        or any(
            is_cuda_library(name, facts) or is_driver_name(name) or _TORCH_CUDA.fullmatch(original_name(name))
            for name in binary.libraries
        )
    )


def traces_of(binary: Binary, facts: Facts) -> tuple[Trace, ...]:
    """Return what tells the CUDA major of a file. What it loads while it runs cannot be seen, and counts for nothing.

    The ISA of its PTX tells the lowest major: a compiler writes no ISA newer than itself, but may carry an older one.
    """
    found = []
    for library in binary.libraries:
        majors = majors_of_library(library, facts.libraries)
        if len(majors) == 1:
            found.append(Trace(major=majors[0], found=f"it needs `{library}`", library=library))
    for name in dict.fromkeys((binary.info.soname or "", binary.path.rpartition("/")[2])):
        majors = majors_of_library(name, facts.libraries)
        if len(majors) == 1:
            found.append(Trace(major=majors[0], found=f"it is `{original_name(name)}`"))
            break
    for isa in binary.info.ptx_versions[-1:]:
        major = facts.ptx_majors.get(str(isa[0]))
        if major is not None:
            found.append(Trace(major=major, found=f"it has PTX of ISA {isa[0]}.{isa[1]}", at_least=True))
    return tuple(found)


def cuda_of_path(path: str, facts: Facts) -> CudaVersion | None:
    """Return the CUDA that the name of a file states (`libkernels_cuda121.so`), else that of the nearest folder.

    Numbers that no CUDA has are something else's: `cuda_256` is a size of kernels.
    """
    for part in reversed(path.lower().split("/")):
        for match in _PATH_CUDA.finditer(part):
            cuda = cuda_of_digits(match[1])
            if cuda is not None and facts.may_exist(cuda):
                return cuda
    return None


def binary_objects(binaries: Iterable[Binary]) -> list[dict[str, Any]]:
    """Return the compiled files as the record of a wheel has them, by path; null stands for what was not judged."""
    return [
        {
            "path": binary.path,
            "needed": list(binary.libraries) if binary.info.is_judged("libraries") else None,
            "arch": list(binary.info.arch) if binary.info.is_judged("code") else None,
        }
        for binary in sorted(binaries, key=lambda one: one.path)
    ]
