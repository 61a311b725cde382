"""What a test asks of a GPU, which GPUs a test can see, and whether one of them will do. Reads nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cudapin.core.cuda import parse_cuda

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cudapin.core.cuda import CudaVersion
    from cudapin.core.machine import Gpu, Machine

__all__ = ["GpuNeeds", "Visible", "describe", "parse_needs", "visible_gpus", "why_unfit"]

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_ORDER = "CUDA_DEVICE_ORDER"
_STAND_IN = "CUDAPIN_GPU_ARCH"
_ARCH = re.compile(r"(\d{1,2})\.(\d)")
_CUDA = re.compile(r"\d{1,2}(\.\d{1,2})?")
_MEMORY = re.compile(r"(\d{1,6}(?:\.\d{1,3})?) ?([MG]i?B)")
_BYTES = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
_DIGITS = 9  # of no machine's last GPU
_FORM = '`gpu` takes min_cuda="12.6", arch="9.0" and min_memory="8 GiB"'


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNeeds:
    """What one `gpu` marker asks for, each as its author wrote it; None for what it does not ask."""

    min_cuda: str | None = None
    arch: str | None = None
    min_memory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """The GPUs that CUDA shows to a program started here.

    `is_certain` is false where the variables leave open which of the machine's unequal GPUs those are: then `gpus`
    has all of them. `note` says what the variables do, None where they do nothing.
    """

    gpus: tuple[Gpu, ...]
    is_certain: bool = True
    note: str | None = None


def parse_needs(args: Sequence[object], kwargs: Mapping[str, object]) -> GpuNeeds:
    """Return what a marker asks for. Raises ValueError, with every fault of it in the message."""
    forms = {"min_cuda": _CUDA, "arch": _ARCH, "min_memory": _MEMORY}
    wrong = [repr(value) for value in args]
    found: dict[str, str | None] = {}
    for name, value in kwargs.items():
        if name in forms and (value is None or (isinstance(value, str) and forms[name].fullmatch(value.strip()))):
            found[name] = value.strip() if isinstance(value, str) else None
        else:
            wrong.append(f"{name}={value!r}")
    if wrong:
        message = f"{_FORM}, found {', '.join(wrong)}"
        raise ValueError(message)
    return GpuNeeds(**found)


def visible_gpus(machine: Machine, environ: Mapping[str, str]) -> Visible:
    """Return what `CUDA_VISIBLE_DEVICES` leaves of the machine's GPUs; stand-ins are seen whatever it says."""
    if _VISIBLE not in environ or _STAND_IN in machine.sources or not machine.gpus:
        return Visible(gpus=machine.gpus)
    value = environ[_VISIBLE]
    entries = _entries(value, len(machine.gpus))
    count = f"{len(entries)} of {len(machine.gpus)} GPUs by `{_VISIBLE}={value}`"
    are_alike = len(set(machine.gpus)) == 1
    if all(entry.isdecimal() for entry in entries) and (are_alike or environ.get(_ORDER) == "PCI_BUS_ID"):
        return Visible(gpus=tuple(machine.gpus[int(entry)] for entry in entries), note=count)
    is_sliced = any(entry.startswith("MIG-") for entry in entries)
    gpus = tuple(map(_divided, machine.gpus)) if is_sliced else machine.gpus
    if are_alike:
        return Visible(gpus=gpus[: len(entries)], note=count)
    note = f"{count}, which does not tell them apart without `{_ORDER}=PCI_BUS_ID`"
    return Visible(gpus=gpus, is_certain=False, note=note)


def _entries(value: str, count: int) -> list[str]:
    """Return the entries that CUDA takes: up to the first that names no device; none at all where one stands twice."""
    entries: list[str] = []
    for entry in (part.strip() for part in value.split(",")):
        number = (entry.lstrip("0") or "0") if entry.isascii() and entry.isdecimal() else None
        if number is not None and len(number) < _DIGITS and int(number) < count:
            entries.append(number)
        elif entry.startswith(("GPU-", "MIG-")):
            entries.append(entry)
        else:
            break
    return entries if len(set(entries)) == len(entries) else []


def _divided(gpu: Gpu) -> Gpu:
    """Return a GPU of which a program gets a part, of a size that is not known unless its parts are."""
    return gpu if gpu.mig else replace(gpu, memory_mib=None)


def why_unfit(needs: GpuNeeds, visible: Visible, machine: Machine, cuda: CudaVersion | None) -> str | None:
    """Return why no GPU here gives what is needed, None where one does; `cuda` is the driver's, None: not known."""
    if not visible.gpus:
        found = f"that leaves {visible.note}" if visible.note else _none_found(machine)
        return f"needs a GPU, and {found}"
    if machine.driver is None and machine.cuda is None:
        return "needs a GPU with its driver, and no NVIDIA driver was found"
    if needs.min_cuda and (cuda is None or cuda.sort_key < parse_cuda(needs.min_cuda).sort_key):
        found = f"is of CUDA {cuda}" if cuda else "is of a CUDA that is not known"
        return f"needs a driver of CUDA {needs.min_cuda} or later, and driver {machine.driver} {found}"
    fits = any if visible.is_certain else all
    served = [gpu for gpu in visible.gpus if needs.arch is None or _numbers(gpu.arch) >= _numbers(needs.arch)]
    if not fits(gpu in served for gpu in visible.gpus):
        return f"needs a GPU of compute capability {needs.arch} or later, and found {describe(visible)}"
    if needs.min_memory and not fits(gpu in served and _holds(gpu, needs.min_memory) for gpu in visible.gpus):
        of = f" of compute capability {needs.arch} or later" if needs.arch else ""
        return f"needs a GPU{of} with {needs.min_memory} of memory, and found {describe(visible)}"
    return None


def describe(visible: Visible) -> str:
    """Return the GPUs in words, equal ones together, and what hides others."""
    counts: dict[Gpu, int] = {}
    for gpu in visible.gpus:
        counts[gpu] = counts.get(gpu, 0) + 1
    parts = [f"{f'{count} x ' if count > 1 else ''}{_described(gpu)}" for gpu, count in counts.items()]
    return (", ".join(parts) or "no GPU") + (f" ({visible.note})" if visible.note else "")


def _described(gpu: Gpu) -> str:
    memory = _memory(gpu)
    told = "memory not known" if memory is None else f"{memory} MiB"
    return f"{gpu.name} ({gpu.arch}, {told}{' in the smallest of its MIG parts' if gpu.mig else ''})"


def _memory(gpu: Gpu) -> int | None:
    """Return the memory that a program gets at least: CUDA gives it one part of a divided GPU, which may be any."""
    if not gpu.mig:
        return gpu.memory_mib
    sizes = [part.memory_mib for part in gpu.mig if part.memory_mib is not None]
    return min(sizes) if len(sizes) == len(gpu.mig) else None


def _none_found(machine: Machine) -> str:
    if _STAND_IN in machine.sources:
        return f"`{_STAND_IN}` says that there is none"
    return f"none was found ({machine.gaps[0]})" if machine.gaps else "none was found"


def _numbers(arch: str) -> tuple[int, int]:
    match = _ARCH.fullmatch(arch)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _holds(gpu: Gpu, memory: str) -> bool:
    match = _MEMORY.fullmatch(memory)
    return match is not None and (_memory(gpu) or 0) * 2**20 >= float(match[1]) * _BYTES[match[2]]
