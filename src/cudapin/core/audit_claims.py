"""Which CUDA a wheel of anyone claims: by its name and version, by what it requires, by its classifiers.

A claim is something that its users rely on. What claims nothing is bound to nothing.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from cudapin.core.cuda import CudaVersion, belongs, parse_cuda, parse_platform
from cudapin.core.judge_binaries import Wanted, wanted_text
from cudapin.core.target import Target, other_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.requirements import Requirement

    from cudapin.core.audit import Subject
    from cudapin.core.cuda import Platform
    from cudapin.core.facts import Facts

__all__ = ["claim_of", "parse_requirements", "requirements_here"]

_CLASSIFIER = re.compile(r"Environment :: GPU :: NVIDIA CUDA :: (?:\d+ :: )?(\d+(?:\.\d+)?)")
_PYTHON = re.compile(r"cp(3)(\d{1,2})")
_REBUILD = "rebuild it with the toolkit of {}"


def claim_of(subject: Subject, facts: Facts) -> Wanted | None:
    """Return what a wheel claims by itself, the most direct claim first; None where it claims no CUDA."""
    environment = _environment(subject)
    platform = parse_platform(environment["sys_platform"], environment["platform_machine"])
    return (
        _by_name(subject, facts, platform)
        or _by_requirements(subject, facts, platform, environment)
        or _by_extras(subject, facts, platform)
        or _by_classifiers(subject)
    )


def _by_name(subject: Subject, facts: Facts, platform: Platform) -> Wanted | None:
    if facts.packages.get(subject.name) == "unbound":
        return None
    found = belongs(subject.name, subject.version, "", facts, platform=platform)
    if found is None or found.kind in ("unknown", "other-accelerator"):
        return None
    cuda = () if found.cuda is None else (found.cuda,)
    return Wanted(cuda=cuda, says=found.evidence, fix=_REBUILD.format(wanted_text(cuda)) if cuda else "build it anew")


def _by_requirements(
    subject: Subject, facts: Facts, platform: Platform, environment: Mapping[str, str]
) -> Wanted | None:
    """Take what names a CUDA itself, else the CUDA of the torch that a plain install brings today."""
    requirements = requirements_here(subject.requires, environment)
    named = [
        (cuda.major, requirement) for requirement in requirements if (cuda := _named(requirement, facts, platform))
    ]
    if named:
        majors = tuple(CudaVersion(major=major) for major in dict.fromkeys(major for major, _ in named))
        shown = ", ".join(f"`{_shown(requirement)}`" for _, requirement in named[:2])
        return _required(majors, f"it requires {shown}")
    for requirement in requirements:
        found = _default(requirement, facts, platform, subject)
        if found is not None:
            release, cuda_version = found
            today = "" if _exact(requirement) else f", which is {release} today, built for CUDA {cuda_version}"
            return _required((CudaVersion(major=cuda_version.major),), f"it requires `{_shown(requirement)}`{today}")
    return None


def _by_extras(subject: Subject, facts: Facts, platform: Platform) -> Wanted | None:
    """Take what the extras name, if it is one CUDA major in all of them."""
    requirements = parse_requirements(subject.requires)
    named = [(cuda.major, one) for one in requirements if (cuda := _named(one, facts, platform))]
    majors = {major for major, _ in named}
    if len(majors) != 1:
        return None
    return _required((CudaVersion(major=majors.pop()),), f"an extra of it requires `{_shown(named[0][1])}`")


def _required(cuda: tuple[CudaVersion, ...], says: str) -> Wanted:
    fix = f"{_REBUILD.format(wanted_text(cuda))}, or require packages of the CUDA that it is built for"
    return Wanted(cuda=cuda, says=says, fix=fix, only_needed=True)


def _by_classifiers(subject: Subject) -> Wanted | None:
    found = [parse_cuda(match[1]) for text in subject.classifiers if (match := _CLASSIFIER.fullmatch(text.strip()))]
    cuda = tuple(dict.fromkeys(CudaVersion(major=item.major) for item in found))
    if not cuda:
        return None
    fix = f"{_REBUILD.format(wanted_text(cuda))}, or correct the classifiers"
    return Wanted(cuda=tuple(sorted(cuda, key=lambda one: one.major)), says="its classifiers", fix=fix)


# Requirements


def parse_requirements(texts: Iterable[str]) -> tuple[Requirement, ...]:
    """Return the requirements that can be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    found = []
    for text in texts:
        with suppress(InvalidRequirement, RecursionError):
            found.append(Requirement(text))
    return tuple(found)


def requirements_here(texts: Iterable[str], environment: Mapping[str, str]) -> tuple[Requirement, ...]:
    """Return the requirements that an installation without extras brings in an environment."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

    found = []
    for requirement in parse_requirements(texts):
        with suppress(UndefinedComparison, UndefinedEnvironmentName, ValueError, RecursionError):
            if requirement.marker is None or requirement.marker.evaluate({**environment, "extra": ""}):
                found.append(requirement)
    return tuple(found)


def _environment(subject: Subject) -> Mapping[str, str]:
    """Return the environment that a wheel is for, after its tags; Python 3.12 on Linux where they leave it open."""
    found = next((match for tag in subject.interpreters if (match := _PYTHON.fullmatch(tag))), None)
    python = f"{found[1]}.{found[2]}" if found else "3.12"
    nothing = Target({}, tuple)
    for platform in (*subject.platforms, "linux_x86_64"):
        with suppress(ValueError):
            return other_target(nothing, python, platform).environment
    raise AssertionError  # pragma: no cover - the last platform is known


def _named(requirement: Requirement, facts: Facts, platform: Platform) -> CudaVersion | None:
    """Return the CUDA that a requirement names: `nvidia-cublas-cu12`, `cuda-toolkit==13.*`, `torch==2.9.0+cu128`."""
    from packaging.utils import canonicalize_name

    name = canonicalize_name(requirement.name)
    exact = _exact(requirement)
    found = belongs(name, exact, "", facts, platform=platform)
    if found is not None and found.cuda is not None:
        return found.cuda
    if facts.packages.get(name) in ("toolkit", "major") and requirement.specifier:
        majors = {one.major for one in facts.toolkits if _allows(requirement, str(one))}
        return CudaVersion(major=majors.pop()) if len(majors) == 1 else None
    return None


def _default(
    requirement: Requirement, facts: Facts, platform: Platform, subject: Subject
) -> tuple[str, CudaVersion] | None:
    """Return the newest release of torch that an installation brings, and the CUDA of its wheel on the public index."""
    if requirement.name.lower() != "torch" or requirement.url is not None:
        return None
    exact = _exact(requirement)
    allowed = [release for release in facts.torch_defaults if _allows(requirement, release)]
    known = [exact] if exact else [release for release in allowed if _is_served(subject, facts, release)]
    newest = max(known, key=lambda one: [int(part) for part in re.findall(r"\d+", one)], default=None)
    cuda = None if newest is None else facts.torch_default_cuda(newest, platform)
    return (newest, cuda) if newest is not None and isinstance(cuda, CudaVersion) else None


def _is_served(subject: Subject, facts: Facts, release: str) -> bool:
    """Tell whether the public index has a release of torch for some Python that takes the wheel."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    first, last = facts.torch_pythons.get(release, (0, 99))
    numbers = [int(match[2]) for tag in subject.interpreters if (match := _PYTHON.fullmatch(tag))]
    if numbers and len(numbers) == len(subject.interpreters):
        first = max(first, min(numbers))
        last = last if "abi3" in subject.abis else min(last, max(numbers))
    try:
        pythons = SpecifierSet(subject.requires_python)
    except InvalidSpecifier:
        pythons = SpecifierSet()
    return any(pythons.contains(f"3.{minor}.{patch}") for minor in range(first, last + 1) for patch in (0, 99))


def _exact(requirement: Requirement) -> str | None:
    """Return the only version that a requirement allows, or the beginning of it."""
    for one in requirement.specifier:
        if one.operator in ("==", "==="):
            return one.version.removesuffix(".*")
    return None


def _allows(requirement: Requirement, release: str) -> bool:
    """Tell whether some version of a release, given as `2.9`, is allowed."""
    return any(requirement.specifier.contains(f"{release}.{patch}") for patch in (0, 1, 2, 99))


def _shown(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
