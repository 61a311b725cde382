"""What NVML says about this machine. The only module that imports `pynvml`, and only when asked."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cudapin.core.cuda import CudaVersion
from cudapin.core.machine import MISMATCH, NO_LIBRARY, NOT_LOADED, Gpu, MigDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

__all__ = ["Reading", "read_nvml"]

_T = TypeVar("_T")
_MOST_GPUS, _MOST_PARTS = 1024, 64
_OLDEST, _NO_CUDA = 1000, 100_000
"""As NVML counts versions of CUDA."""

_REASONS = {
    "NVMLError_LibraryNotFound": NO_LIBRARY,
    "NVMLError_DriverNotLoaded": NOT_LOADED,
    "NVMLError_LibRmVersionMismatch": MISMATCH,
    "NVMLError_FunctionNotFound": "NVML: the driver is too old for what was asked",
    "NVMLError_NoPermission": "NVML: no permission to ask the driver",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What NVML answered; None and an empty tuple where it did not, with the reasons in `gaps`."""

    driver: str | None = None
    cuda: CudaVersion | None = None
    gpus: tuple[Gpu, ...] = ()
    gaps: tuple[str, ...] = ()


def read_nvml(load: Callable[[], ModuleType] | None = None) -> Reading:
    """Ask NVML once and shut it down again. Never raises: what cannot be read is a gap.

    `load` returns the module to ask, by default `pynvml`, whichever distribution it is from: `nvidia-ml-py`, or the
    unofficial `pynvml` up to 11, which answers in bytes.
    """
    try:
        nvml = (load or _load)()
    except ImportError as error:
        return Reading(gaps=(f"NVML: `pynvml` of nvidia-ml-py cannot be imported ({error})",))
    except Exception as error:  # noqa: BLE001 - a broken or foreign module of that name may raise anything
        return Reading(gaps=(_described(error),))
    gaps: list[str] = []
    _ask(gaps, lambda: nvml.nvmlInit())  # noqa: PLW0108 - the module may lack the function
    if gaps:
        return Reading(gaps=tuple(gaps))
    try:
        driver = _ask(gaps, lambda: _text(nvml.nvmlSystemGetDriverVersion()))
        cuda = _ask(gaps, lambda: _cuda(nvml.nvmlSystemGetCudaDriverVersion()))
        gpus = tuple(_gpus(nvml, gaps))
        return Reading(driver=driver, cuda=cuda, gpus=gpus, gaps=tuple(gaps))
    finally:
        _ask([], lambda: nvml.nvmlShutdown())  # noqa: PLW0108 - the same


def _load() -> ModuleType:
    with warnings.catch_warnings():
        # The distribution `pynvml` 13 warns about itself on every import, and warnings may be errors here.
        warnings.simplefilter("ignore")
        return importlib.import_module("pynvml")


def _gpus(nvml: ModuleType, gaps: list[str]) -> Iterator[Gpu]:
    count = _ask(gaps, lambda: int(nvml.nvmlDeviceGetCount())) or 0
    for index in range(min(count, _MOST_GPUS)):
        gpu = _ask(gaps, partial(_gpu, nvml, index, gaps))
        if gpu is not None:
            yield gpu


def _gpu(nvml: ModuleType, index: int, gaps: list[str]) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Gpu(
        name=_ask(gaps, lambda: _text(nvml.nvmlDeviceGetName(handle))) or f"GPU {index}",
        arch=f"{int(major)}.{int(minor)}",
        memory_mib=_ask(gaps, lambda: _memory(nvml, handle)),
        mig=_ask([], lambda: _mig(nvml, handle)),  # most GPUs have no such mode, old drivers no such question
    )


def _memory(nvml: ModuleType, handle: object) -> int:
    return int(nvml.nvmlDeviceGetMemoryInfo(handle).total) // 2**20


def _mig(nvml: ModuleType, handle: object) -> tuple[MigDevice, ...] | None:
    """Return the parts of a GPU in MIG mode; the places for parts that do not exist are no gap."""
    current, _ = nvml.nvmlDeviceGetMigMode(handle)
    if not current:
        return None
    parts = []
    for index in range(min(int(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)), _MOST_PARTS)):
        part = _ask([], partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index))
        if part is not None:
            name = _ask([], partial(lambda part: _text(nvml.nvmlDeviceGetName(part)), part))
            parts.append(MigDevice(name=name or f"MIG {index}", memory_mib=_ask([], partial(_memory, nvml, part))))
    return tuple(parts)


def _ask(gaps: list[str], question: Callable[[], _T]) -> _T | None:
    """Return the answer; None, and one more gap, if NVML or the module has none."""
    try:
        return question()
    except Exception as error:  # noqa: BLE001 - NVMLError is known only from the module, which may be any
        gap = _described(error)
        if gap not in gaps:
            gaps.append(gap)
        return None


def _described(error: Exception) -> str:
    return _REASONS.get(type(error).__name__, f"NVML: {type(error).__name__}: {error}".rstrip(": "))


def _text(answer: object) -> str:
    if not isinstance(answer, (str, bytes)):  # a stand-in of that name, as in tests of other projects
        message = f"wanted a text, found {type(answer).__name__}"
        raise TypeError(message)
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


def _cuda(number: int) -> CudaVersion:
    """NVML counts CUDA 12.8 as 12080."""
    if not _OLDEST <= number < _NO_CUDA:
        message = f"{number} is no version of CUDA"
        raise ValueError(message)
    return CudaVersion(major=number // 1000, minor=number % 1000 // 10)
