"""Which of the selected packages are tied to a CUDA, and to which one: a selection and the facts -> Bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cudapin.core.cuda import Belonging, CudaVersion, belongs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cudapin.core.config import CudaBound
    from cudapin.core.cuda import Platform
    from cudapin.core.facts import Facts
    from cudapin.core.lock import LockedPackage, Selection

__all__ = ["Bound", "bound_packages"]

_RUNTIMES = ("cuda-toolkit", "nvidia-cuda-runtime")
_PINS_ITS_RUNTIME = frozenset({"torch"})
"""What requires one exact CUDA runtime, so that its minor tells too; others take any of a major."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A selected package that is tied to a CUDA, and the evidence for which one.

    `family` names the package that it must be of one CUDA with, itself for the head of a family.
    """

    package: LockedPackage
    belonging: Belonging
    family: str | None = None

    @property
    def is_toolkit_part(self) -> bool:
        """Whether it is a library of the CUDA toolkit, not a framework that uses one."""
        return self.package.name.startswith(("nvidia-", "cuda-"))


def bound_packages(
    selection: Selection, facts: Facts, platform: Platform, rules: Iterable[CudaBound] = (), index: str | None = None
) -> tuple[Bound, ...]:
    """Return the selected packages that are tied to a CUDA.

    `index` stands in for the index of a package where the lock records none.
    """
    extra_rules = tuple((rule.name, rule.pattern) for rule in rules)
    result = []
    for package in selection.packages:
        origin = package.index if package.kind == "registry" else ""
        origin = index if origin == "" and index is not None else origin
        belonging = belongs(package.name, package.version, origin, facts, platform=platform, extra_rules=extra_rules)
        if belonging is None and facts.packages.get(package.name) == "closure":
            belonging = Belonging(cuda=None, kind="unknown", evidence="")
        if belonging is not None:
            family = facts.families.get(package.name) or (package.name if package.name in _heads(facts) else None)
            result.append(Bound(package=package, belonging=belonging, family=family))
    return tuple(item for item in _by_requirements(result) if item.belonging.evidence)


def _heads(facts: Facts) -> Collection[str]:
    return facts.families.values()


def _by_requirements(bound: list[Bound]) -> Iterable[Bound]:
    """Let the CUDA runtime that a package requires tell its CUDA, where nothing else does."""
    runtimes = {
        item.package.name: item
        for item in bound
        if item.package.name.startswith(_RUNTIMES) and item.belonging.cuda is not None
    }
    for item in bound:
        if item.belonging.kind != "unknown" or item.is_toolkit_part:
            yield item
        else:
            yield _by_requirement(item, runtimes)


def _by_requirement(item: Bound, runtimes: Mapping[str, Bound]) -> Bound:
    """Look at what the package itself names: what torch or another library below it requires is that one's own."""
    found = [runtimes[name] for name in sorted(item.package.dependencies) if name in runtimes]
    majors = {runtime.belonging.cuda.major for runtime in found if runtime.belonging.cuda is not None}
    if len(majors) != 1:
        return item
    cuda = found[0].belonging.cuda
    if item.package.name not in _PINS_ITS_RUNTIME:
        cuda = CudaVersion(major=majors.pop())
    evidence = f"it requires `{found[0].package.name} {found[0].package.version}`"
    return replace(item, belonging=replace(found[0].belonging, cuda=cuda, evidence=evidence, is_toolkit_part=False))
