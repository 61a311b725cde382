"""Which cells a test matrix has: variants by Pythons, as far as the project and the lock's wheels allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.target import other_target
from cudapin.errors import CudapinError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.core.config import Variant
    from cudapin.core.lock import LockedPackage
    from cudapin.core.target import Target
    from cudapin.gate import Gate

__all__ = ["pythons_by_variant", "unusable", "why_not"]


def pythons_by_variant(gate: Gate, pythons: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each variant that has any, the Pythons that it can be tested on; the default variant comes first.

    A Python is left out where `requires-python` of the project or the variant excludes it, or where a locked package
    has wheels, none of them for it, and no sdist. Where the lock cannot tell, it stays in: its cell then says why.
    """
    found: dict[str, list[str]] = {}
    for python in pythons:
        there = gate.at(other_target(gate.target, python, None))
        if _is_allowed(there):
            for variant in there.variants():
                if not _misses_wheels(there, variant):
                    found.setdefault(variant.name, []).append(python)
    names = sorted(found, key=lambda name: name != gate.default)
    return {name: tuple(found[name]) for name in names}


def why_not(gate: Gate, name: str, python: str) -> str | None:
    """Return why a variant has no cell on a Python (`3.9`), None where it may have one."""
    try:
        there = gate.at(other_target(gate.target, python, None))
    except ValueError as error:
        return str(error)
    if not _is_allowed(there):
        return f"the project's `requires-python` is `{gate.project.metadata.get('requires-python')}`"
    variant = next((variant for variant in there.variants() if variant.name == name), None)
    if variant is None:
        return f"variant `{name}` is not declared for it"
    try:
        selection = there.select_all(variant)
    except CudapinError:
        return None
    missing = unusable(selection.packages, there.target) if selection else ()
    return f"`{missing[0]}` is locked without a wheel for it" if missing else None


def unusable(packages: Iterable[LockedPackage], target: Target) -> tuple[str, ...]:
    """Return the names of packages that the target cannot install: all their files are wheels for others."""
    return tuple(
        package.name
        for package in packages
        if package.kind == "registry"
        and any(file.name for file in package.files)
        and not any(target.is_usable(file) for file in package.files)
    )


def _is_allowed(gate: Gate) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(str(gate.project.metadata.get("requires-python", "")))
    except InvalidSpecifier:
        return True
    # Some release of a Python may be allowed (`>=3.10.2`) where its first is not; which one is there shows later.
    version = gate.environment["python_version"]
    return any(wanted.contains(f"{version}.{patch}", prereleases=True) for patch in (0, 99))


def _misses_wheels(gate: Gate, variant: Variant) -> bool:
    try:
        selection = gate.select_all(variant)
    except CudapinError:
        return False
    return selection is not None and bool(unusable(selection.packages, gate.target))
