"""Which drivers and GPUs a wheel runs on, in the words of NVIDIA's variant provider. Reads nothing.

The provider (nvidia-variant-provider 0.0.1) compares two things with the machine: the CUDA version that the driver
reports, and CMake's names of architectures. `90_real` fits a GPU of 9.0 and of each later 9.x, `90_virtual` any GPU of
9.x and no other, `86_virtual` and `90a_real` no GPU at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cudapin.core.audit_record import wanted_of_record
from cudapin.core.compiled import is_cuda_library
from cudapin.core.cuda import CudaVersion, parse_cuda
from cudapin.core.fields import name_list
from cudapin.core.libraries import original_name
from cudapin.core.machine import code_of, driver_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cudapin.core.facts import Facts
    from cudapin.core.judge_binaries import Wanted

__all__ = ["GpuProperties", "Unsayable", "gpu_properties"]

_MAJORS, _MINORS = range(11, 16), range(21)
"""The CUDA versions that the provider knows."""
_NAME = re.compile(r"(?P<kind>sm|compute)_(?P<number>\d{2,3})(?P<suffix>[af]?)")
_DRIVER = re.compile(r"\d{1,4}(\.\d{1,4}){0,3}")

_How = Literal["binary", "ptx"]


class Unsayable(ValueError):
    """No property says what the wheel runs on; the message is why. `is_unknown`: because nobody could read it."""

    def __init__(self, why: str, fix: str, *, is_unknown: bool = False) -> None:
        super().__init__(why)
        self.why, self.fix, self.is_unknown = why, fix, is_unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProperties:
    """The lowest CUDA version that the driver must report, and the architectures; none: whatever the driver serves."""

    lower_bound: CudaVersion
    sm_arch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    """The device code of a wheel: what each of its files carries, what the project declares, and the PTX's toolkit."""

    files: tuple[tuple[str, ...], ...]
    declared: tuple[str, ...]
    toolkit: CudaVersion

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for file in self.files for name in file)


def gpu_properties(record: Mapping[str, Any], platforms: Iterable[str], facts: Facts) -> GpuProperties:
    """Return the properties of a CUDA variant's wheel from its record and platform tags. Raises Unsayable.

    The driver has to be the lowest one of the variant, by default that of its CUDA major, or that of the toolkit
    where no GPU is served by anything but PTX. An architecture is listed only where every GPU that the provider takes
    it for runs the wheel; without device code those that the project declares are. PTX serves later GPUs too, which
    the provider does not know: `100_virtual` then stands for PTX of an older architecture, if each driver for such a
    GPU reads it.
    """
    wanted = wanted_of_record(record)
    if wanted is None or not wanted.cuda:
        raise Unsayable("the record names no CUDA", "build the wheel anew")
    systems = _systems(platforms)
    files = _files(record, facts)
    if not files and wanted.arch:
        files = (_declared_names(wanted.arch),)
    code = _Code(files=files, declared=wanted.arch, toolkit=_toolkit(record, wanted, facts))
    served = {gpu: how for gpu in facts.architectures if (how := _how(gpu, code)) is not None}
    floors = _floors(record, wanted, systems, facts)
    if served and "binary" not in served.values():
        floors = {system: _later(floors[system], facts.ptx_driver(code.toolkit, system)) for system in systems}
    bound = _lowest_cuda(floors, facts)
    if not code.names:
        return GpuProperties(lower_bound=bound)
    safe = {gpu for gpu, how in served.items() if how == "binary" or _reads(gpu, code.toolkit, bound, facts)}
    by_ptx = {gpu.partition(".")[0] for gpu in safe if served[gpu] == "ptx"}
    candidates = {_cmake_name(name) for name in code.names} | {f"{major}0_virtual" for major in by_ptx}
    taken_for = {value: _taken_for(value, facts) for value in candidates}
    values = tuple(sorted(value for value, gpus in taken_for.items() if gpus <= safe))
    if not any(taken_for[value] for value in values):
        carried = name_list(sorted(code.names))
        raise Unsayable(
            f"the compiled files carry {carried}, and no property stands for just the GPUs that run them",
            "compile for an architecture without `a` too, let every file carry it, or declare `arch`",
        )
    return GpuProperties(lower_bound=bound, sm_arch=values)


# Drivers


def _systems(platforms: Iterable[str]) -> tuple[str, ...]:
    """Return the systems of platform tags, as the facts name them; `any` may be installed on both."""
    found = {"windows" if platform.startswith("win") else platform for platform in platforms}
    systems = ("linux", "windows") if "any" in found else ("windows",) if found == {"windows"} else ("linux",)
    return ("linux", "windows") if len(found) > 1 and "windows" in found else systems


def _floors(record: Mapping[str, Any], wanted: Wanted, systems: Iterable[str], facts: Facts) -> dict[str, str]:
    """Return the lowest driver for each system; a record has by default that of the system it was built on."""
    known = ("linux", "windows")
    by_default = {system: _lowest_driver(wanted.cuda, system, facts) for system in known}
    driver = record.get("driver")
    is_declared = isinstance(driver, str) and _DRIVER.fullmatch(driver) and driver not in by_default.values()
    floors = {system: str(driver) if is_declared else by_default[system] for system in systems}
    missing = [system for system, floor in floors.items() if floor is None]
    if missing:
        cuda = " or ".join(str(item) for item in wanted.cuda)
        raise Unsayable(
            f"the lowest driver for CUDA {cuda} on {missing[0]} is not known", "name it in `driver` of the variant"
        )
    return {system: str(floor) for system, floor in floors.items()}


def _lowest_driver(cuda: Iterable[CudaVersion], system: str, facts: Facts) -> str | None:
    """Return the lowest driver that runs one of the CUDAs of a wheel; None where that of one of them is not known."""
    floors = [facts.minimum_driver(item, system) for item in cuda]
    known = [floor for floor in floors if floor is not None]
    return min(known, key=driver_key) if known and len(known) == len(floors) else None


def _later(one: str, other: str | None) -> str:
    return one if other is None else max(one, other, key=driver_key)


def _lowest_cuda(floors: Mapping[str, str], facts: Facts) -> CudaVersion:
    """Return the lowest CUDA version whose every driver is new enough: the provider sees no more of a driver.

    Drivers from 450.51 on report CUDA 11.0 and programs of CUDA 11 need 450.80, so the bound of those is 11.1.
    """
    for toolkit in facts.toolkits:
        drivers = [(facts.ptx_driver(toolkit, system), floor) for system, floor in floors.items()]
        if all(driver is not None and driver_key(driver) >= driver_key(floor) for driver, floor in drivers):
            if toolkit.major not in _MAJORS or toolkit.minor not in _MINORS:
                raise Unsayable(
                    f"the provider of installers knows no CUDA {toolkit}", "leave this variant without a label"
                )
            return toolkit
    floor = next(iter(floors.values()))
    raise Unsayable(f"which CUDA the drivers from {floor} on report is not known", "name a lower `driver`")


# Device code


def _files(record: Mapping[str, Any], facts: Facts) -> tuple[tuple[str, ...], ...]:
    """Return what each compiled file with device code carries, NVIDIA's own libraries left out."""
    listed = record.get("binaries")
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise Unsayable("the record does not list the compiled files", "build the wheel anew", is_unknown=True)
    found = []
    for item in listed:
        path, arch = str(item.get("path")), item.get("arch")
        if is_cuda_library(original_name(path.rpartition("/")[2]), facts):
            continue
        if not isinstance(arch, list) or not all(_NAME.fullmatch(str(name)) for name in arch):
            why = f"which architectures `{path}` carries could not be read when the wheel was built"
            raise Unsayable(why, "look at it with `cuobjdump`; it may be damaged", is_unknown=True)
        found.append(tuple(str(name) for name in arch))
    return tuple(names for names in found if names)


def _declared_names(declared: Iterable[str]) -> tuple[str, ...]:
    """Return `9.0+ptx` as compilers name it: `sm_90` and `compute_90`."""
    names: list[str] = []
    for entry in declared:
        number, _, ptx = entry.replace(".", "").partition("+")
        names += [f"sm_{number}"] + ([f"compute_{number}"] if ptx else [])
    return tuple(names)


def _toolkit(record: Mapping[str, Any], wanted: Wanted, facts: Facts) -> CudaVersion:
    """Return the toolkit whose PTX the wheel has at most: of a major without minor, the newest of it."""
    versions = list(wanted.cuda)
    build = record.get("build")
    nvcc = build.get("nvcc") if isinstance(build, dict) else None
    if isinstance(nvcc, str) and re.fullmatch(r"\d{1,2}\.\d{1,2}", nvcc):
        versions.append(parse_cuda(nvcc))
    newest = {toolkit.major: toolkit for toolkit in facts.toolkits}
    exact = [item if item.minor is not None else newest.get(item.major, item) for item in versions]
    return max(exact, key=_order)


def _order(cuda: CudaVersion) -> tuple[int, int]:
    return cuda.sort_key


def _how(gpu: str, code: _Code) -> _How | None:
    """Return what serves a GPU: every file with device code has to, unless the project declares that GPU.

    Some projects have a file for each architecture, and others a file that lacks one: only they know.
    """
    kinds = [_served_by(gpu, names) for names in code.files]
    if None in kinds and not any(code_of(gpu, entry) for entry in code.declared):
        return None
    told = [kind for kind in kinds if kind is not None]
    return None if not told else "ptx" if "ptx" in told else "binary"


def _served_by(gpu: str, names: Sequence[str]) -> _How | None:
    """Return what serves a GPU among `sm_90`, `compute_90`; binary code goes before PTX."""
    found: set[_How] = set()
    for name in names:
        match = _NAME.fullmatch(name)
        if match is not None:
            entry = f"{match['number'][:-1]}.{match['number'][-1]}{match['suffix']}"
            if match["kind"] == "sm" and code_of(gpu, entry):
                found.add("binary")
            elif match["kind"] == "compute" and code_of(gpu, f"{entry}+ptx"):
                found.add("ptx")
    return "binary" if "binary" in found else "ptx" if found else None


def _reads(gpu: str, toolkit: CudaVersion, bound: CudaVersion, facts: Facts) -> bool:
    """Tell whether each driver that gets the wheel, on a machine with this GPU, reads PTX of the toolkit.

    A driver for a GPU is not older than the first toolkit that compiles for it.
    """
    first = facts.architectures[gpu].first
    return max(bound.sort_key, first.sort_key) >= toolkit.sort_key


# The provider's names


def _cmake_name(name: str) -> str:
    match = _NAME.fullmatch(name)
    assert match is not None, name  # noqa: S101 - `_files` let it through
    return f"{match['number']}_{'real' if match['kind'] == 'sm' else 'virtual'}"


def _taken_for(value: str, facts: Facts) -> set[str]:
    """Return the known GPUs that the provider takes a value for."""
    number, _, kind = value.partition("_")
    major, minor = number[:-1], int(number[-1])
    if kind == "virtual" and minor:
        return set()
    known = (gpu.split(".") for gpu in facts.architectures)
    return {f"{one}.{two}" for one, two in known if one == major and int(two) >= minor}
