"""What `doctor` found, as values and as the JSON of the command line; and which variants run on a machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cudapin.core.machine import fits
from cudapin.core.select import is_declared_for
from cudapin.core.surroundings import shown_setting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cudapin.core.config import Variant
    from cudapin.core.cuda import CudaVersion, Platform
    from cudapin.core.facts import Facts
    from cudapin.core.installed import CudaPackage, Environment
    from cudapin.core.judge_host import HostCompiler
    from cudapin.core.judge_installed import Difference
    from cudapin.core.machine import Gpu, Machine
    from cudapin.core.surroundings import Cudnn, Surroundings, Toolkit

__all__ = ["EnvironmentReport", "MachineReport", "ProjectReport", "Report", "VariantFit", "judge_fit", "report_object"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineReport:
    """A machine, what lies around it, its toolkits. `cuda` is what the driver reports, or the table of facts.

    `compilers` are those that nvcc may be given; they are looked for where there is a toolkit.
    """

    machine: Machine
    around: Surroundings
    cuda: CudaVersion | None
    cuda_source: str | None
    toolkits: tuple[Toolkit, ...] = ()
    compilers: tuple[HostCompiler, ...] = ()
    cudnn: Cudnn | None = None
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentReport:
    """An environment and its CUDA packages, and whether it is the variant that `asked_by` asks for.

    `is_variant` is None where nothing is asked for or it cannot be told. Where nothing is, `matches` are those of the
    `compared` variants that it is.
    """

    environment: Environment
    packages: tuple[CudaPackage, ...]
    variant: str | None = None
    asked_by: str | None = None
    is_variant: bool | None = None
    total: int = 0
    differences: tuple[Difference, ...] = ()
    matches: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFit:
    """One declared variant, whether this machine and Python run it, and why."""

    name: str
    fits: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReport:
    """The project as far as it could be read; `failure` says what stood in the way."""

    name: str | None = None
    locks: tuple[tuple[str, str], ...] = ()
    variants: tuple[VariantFit, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that `doctor` found."""

    cudapin: str
    machine: MachineReport
    environment: EnvironmentReport
    project: ProjectReport = field(default_factory=ProjectReport)


def judge_fit(
    variant: Variant,
    machine: Machine,
    facts: Facts,
    platform: Platform,
    environment: Mapping[str, str],
    tags: tuple[str, ...] | None = None,
) -> VariantFit:
    """Return whether a variant runs on a machine and Python, with every reason.

    `tags` are the platform tags of wheels that the Python installs, None where nobody knows them.
    """
    against = []
    if not is_declared_for(variant, environment):
        wanted = [f"Python {variant.requires_python}"] if variant.requires_python else []
        wanted += [f"`{marker}`" for marker in variant.environments]
        found = f"Python {environment['python_full_version']} on {environment['sys_platform']}"
        against.append(f"it exists for {' or '.join(wanted)}, this is {found} {environment['platform_machine']}")
    if variant.platforms and tags is not None and not {"any", *tags}.intersection(variant.platforms):
        against.append(f"its wheels are for {', '.join(variant.platforms)}, which this Python does not install")
    told = replace(machine, gaps=())
    results = [fits(cuda, variant.arch, variant.driver, told, facts, platform) for cuda in variant.cuda or (None,)]
    best = next((result for result in results if result.fits), results[0])
    if best.fits:
        return VariantFit(name=variant.name, fits=not against, reasons=tuple(against) or best.reasons)
    return VariantFit(name=variant.name, fits=False, reasons=(*against, *best.reasons))


def report_object(report: Report) -> dict[str, Any]:
    """Return the JSON keys of the command."""
    return {
        "machine": _machine_object(report.machine),
        "environment": _environment_object(report.environment),
        "project": {
            "name": report.project.name,
            "locks": [{"path": path, "verdict": verdict} for path, verdict in report.project.locks],
            "failure": report.project.failure,
        },
        "variants": [
            {"name": item.name, "fits": item.fits, "reasons": [*item.reasons]} for item in report.project.variants
        ],
    }


def _machine_object(found: MachineReport) -> dict[str, Any]:
    around, read_from = found.around, found.machine.read_from
    toolkits = [
        {"version": str(item.version) if item.version else None, "path": item.path, "source": item.source}
        for item in found.toolkits
    ]
    return {
        "driver": found.machine.driver,
        "cuda": str(found.cuda) if found.cuda else None,
        "gpus": [_gpu_object(gpu) for gpu in found.machine.gpus],
        "toolkit": toolkits[0] if toolkits else None,
        "toolkits": toolkits,
        "compilers": [{"kind": item.kind, "major": item.major, "source": item.source} for item in found.compilers],
        "cudnn": {"version": found.cudnn.version, "path": found.cudnn.path} if found.cudnn else None,
        "system": around.system,
        "container": around.container,
        "wsl": around.wsl_source is not None,
        "devices": [*around.devices],
        "libraries": {item.name: item.directory for item in around.libraries},
        "settings": {name: shown_setting(value) for name, value in around.settings},
        "sources": {"driver": read_from.driver, "cuda": found.cuda_source, "gpus": read_from.gpus},
        "gaps": [*found.machine.gaps],
        "hints": [*found.hints],
    }


def _gpu_object(gpu: Gpu) -> dict[str, Any]:
    parts = None if gpu.mig is None else [{"name": part.name, "memory_mib": part.memory_mib} for part in gpu.mig]
    return {"name": gpu.name, "arch": gpu.arch, "memory_mib": gpu.memory_mib, "mig": parts}


def _environment_object(found: EnvironmentReport) -> dict[str, Any]:
    environment = found.environment
    return {
        "python": environment.version,
        "executable": environment.executable,
        "virtual": environment.is_virtual,
        "packages": [_package_object(item) for item in found.packages],
        "variant": found.variant,
        "asked_by": found.asked_by,
        "is_variant": found.is_variant,
        "differences": [
            {"name": item.name, "kind": item.kind, "wanted": item.wanted, "found": item.found}
            for item in found.differences
        ],
        "matches": [*found.matches],
    }


def _package_object(item: CudaPackage) -> dict[str, Any]:
    cuda = item.belonging.cuda
    return {
        "name": item.name,
        "version": item.version,
        "cuda": str(cuda) if cuda else None,
        "kind": item.belonging.kind,
        "evidence": item.belonging.evidence,
        "stamp": {"variant": item.stamp.variant, "cuda": item.stamp.cuda} if item.stamp else None,
    }
