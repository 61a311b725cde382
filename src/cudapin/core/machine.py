"""A machine's driver and GPUs, and whether a build for some CUDA runs there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cudapin.core.cuda import CudaVersion
    from cudapin.core.facts import Facts

__all__ = [
    "MISMATCH",
    "NOT_LOADED",
    "NO_LIBRARY",
    "Fit",
    "Gpu",
    "Machine",
    "MigDevice",
    "Sources",
    "code_of",
    "driver_key",
    "fits",
    "lowest_driver",
]

NO_LIBRARY = "NVML: no NVIDIA driver library on this machine"
NOT_LOADED = "NVML: the NVIDIA kernel module is not loaded"
MISMATCH = "NVML: the driver library and the loaded kernel module differ; reboot after a driver update"
"""Gaps that tell what is amiss, not only that something is."""

_Code = Literal["binary", "ptx"]

_ARCH = re.compile(r"(?P<major>\d{1,3})\.(?P<minor>\d)(?P<suffix>[af]?)(?P<ptx>\+ptx)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigDevice:
    """One part of a divided GPU, with its memory in MiB where it could be read."""

    name: str
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU: its product name, compute capability such as `9.0`, and memory in MiB where it could be read.

    `mig` holds the parts of a GPU in MIG mode; None where it is not in that mode, or has none.
    """

    name: str
    arch: str
    memory_mib: int | None = None
    mig: tuple[MigDevice, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What each part of a machine was read from; None where it was not."""

    driver: str | None = None
    cuda: str | None = None
    gpus: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What could be read of this machine, or what stands in for it.

    `cuda` is the version that the driver itself reports; `gaps` has a reason for each thing that could not be read,
    `sources` what the rest was read from, and `read_from` which part came from which.
    """

    driver: str | None
    gpus: tuple[Gpu, ...]
    gaps: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    cuda: CudaVersion | None = None
    read_from: Sources = field(default=Sources(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a build runs on a machine. If not, every reason; if so, what was compared."""

    fits: bool
    reasons: tuple[str, ...]


def driver_key(version: str) -> tuple[int, ...]:
    """Return the numbers of a driver version, to compare two of them; raise ValueError for anything else."""
    return tuple(int(number) for number in version.split("."))


def lowest_driver(facts: Facts, cudas: Iterable[CudaVersion], platform: str) -> str | None:
    """Return the lowest driver that runs one of the CUDAs; None where that of one of them is not known."""
    floors = [facts.minimum_driver(cuda, platform) for cuda in cudas]
    known = [floor for floor in floors if floor is not None]
    return min(known, key=driver_key) if known and len(known) == len(floors) else None


def fits(
    cuda: CudaVersion | None,
    arch: tuple[str, ...],
    driver_floor: str | None,
    machine: Machine,
    facts: Facts,
    platform: str,
) -> Fit:
    """Return whether a build for `cuda` runs on the machine; one without CUDA runs everywhere.

    The driver must be at least `driver_floor`, by default the minimum of the CUDA *major*, and at least the one
    that reads the toolkit's PTX where no GPU is served by anything else. One GPU must be served by an architecture
    of `arch` (`9.0`, `9.0a`, `12.0f`, `9.0+ptx`); without `arch`, by one that the toolkit compiles for.
    """
    if cuda is None:
        return Fit(fits=True, reasons=("it needs no GPU",))
    codes, gpu_reasons = _served(cuda, arch, machine, facts)
    floor = driver_floor or facts.minimum_driver(cuda, platform)
    driver_fits, driver_reason = _driver_fits(f"CUDA {cuda.major}", floor, machine)
    reasons = [(driver_fits, driver_reason), *gpu_reasons]
    if driver_fits and codes == {"ptx"}:
        reasons.append(_driver_fits(f"PTX of CUDA {cuda}", facts.ptx_driver(cuda, platform), machine))
        driver_fits = reasons[-1][0]
    is_fit = driver_fits and bool(codes)
    told = [reason for is_good, reason in reasons if is_fit or not is_good]
    if machine.driver is None or not machine.gpus:
        told += machine.gaps
    return Fit(fits=is_fit, reasons=tuple(told))


def _driver_fits(what: str, floor: str | None, machine: Machine) -> tuple[bool, str]:
    if machine.driver is None:
        return False, "no NVIDIA driver was found"
    if floor is None:
        return False, f"the lowest driver for {what} is not known"
    if driver_key(machine.driver) < driver_key(floor):
        return False, f"driver {machine.driver} is older than {floor}, the lowest for {what}"
    return True, f"driver {machine.driver} is not older than {floor}, the lowest for {what}"


def _served(
    cuda: CudaVersion, arch: tuple[str, ...], machine: Machine, facts: Facts
) -> tuple[set[_Code], list[tuple[bool, str]]]:
    """Return by what kinds of code GPUs are served, and a reason for each GPU (for none: one)."""
    if not machine.gpus:
        return set(), [(False, "no GPU was found")]
    offered = arch or tuple(known for known in facts.architectures if facts.supports(cuda, known))
    by = "the wheel's architectures " + ", ".join(arch) if arch else f"the architectures of CUDA {cuda}"
    codes: set[_Code] = set()
    reasons = []
    for gpu in machine.gpus:
        code = _code_for(gpu.arch, offered)
        if code is None:
            reasons.append((False, f"{gpu.name} ({gpu.arch}) is not served by {by}"))
        else:
            codes.add(code)
            how = " through PTX" if code == "ptx" else ""
            reasons.append((True, f"{gpu.name} ({gpu.arch}) is served by {by}{how}"))
    return codes, reasons


def _code_for(gpu_arch: str, offered: Iterable[str]) -> _Code | None:
    codes = {code_of(gpu_arch, entry) for entry in offered}
    return "binary" if "binary" in codes else "ptx" if "ptx" in codes else None


def code_of(gpu_arch: str, entry: str) -> _Code | None:
    """Return what serves a GPU in one entry of `arch`, by NVIDIA's rules of compatibility.

    A binary serves the same major with an equal or higher minor (an `f` one too: its family is the major), PTX any
    equal or higher compute capability. With `a`, both serve exactly one; PTX with `f` does not leave its family.
    """
    gpu, match = _ARCH.fullmatch(gpu_arch), _ARCH.fullmatch(entry)
    if gpu is None or match is None:
        return None
    wanted = (int(match["major"]), int(match["minor"]))
    found = (int(gpu["major"]), int(gpu["minor"]))
    suffix = match["suffix"].lower()
    if found == wanted or (suffix != "a" and found[0] == wanted[0] and found > wanted):
        return "binary"
    return "ptx" if match["ptx"] and not suffix and found > wanted else None
