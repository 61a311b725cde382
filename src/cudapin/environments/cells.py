"""Which cells a test matrix has: variants by Pythons, as far as the project and the lock's wheels allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cudapin.core.config import Variant
from cudapin.core.fields import name_list
from cudapin.core.judge_variants import is_for_target
from cudapin.core.select import is_declared_for
from cudapin.core.target import other_target
from cudapin.errors import Code, CudapinError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cudapin.core.lock import LockedPackage, Selection
    from cudapin.core.target import Target
    from cudapin.gate import Gate

__all__ = ["impossible", "pythons_by_variant", "reason_against", "unusable", "why_not"]


def pythons_by_variant(gate: Gate, pythons: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return, for each variant that has any, the Pythons that it can be tested on; the default variant comes first.

    A Python is left out where the project or the variant excludes it, where the lock is made for other ones, or where
    a locked package has wheels, none of them for it, and no sdist. Where the lock cannot tell, it stays in: its cell
    then says why.
    """
    found: dict[str, list[str]] = {}
    for python in pythons:
        there = gate.at(other_target(gate.target, python, None))
        for name in there.config.variants:
            if _why_not_there(there, name) is None:
                found.setdefault(name, []).append(python)
    names = sorted(found, key=lambda name: name != gate.default)
    return {name: tuple(found[name]) for name in names}


def why_not(gate: Gate, name: str, python: str) -> str | None:
    """Return why a variant has no cell on a Python (`3.9`), None where it may have one."""
    try:
        there = gate.at(other_target(gate.target, python, None))
    except ValueError as error:
        return str(error)
    return _why_not_there(there, name)


def reason_against(there: Gate, variant: Variant | None) -> str | None:
    """Return why a variant (None: a project without any) has no cell on a gate's own Python and platform.

    None where it may have one. Raises CudapinError where the lock cannot tell.
    """
    from cudapin.discipline import judge_coverage

    found = there.environment
    if not _is_allowed(there):
        return _not_allowed(there)
    if variant is not None and not is_declared_for(variant, found):
        return f"variant `{variant.name}` is not declared for it"
    if variant is not None and not is_for_target(variant, found):
        return f"the wheels of variant `{variant.name}` are for {name_list(variant.platforms)}"
    path = there.lock_path(variant)
    if path is not None and (uncovered := judge_coverage(there, path)):
        return uncovered[0].what
    selection = there.select_all(variant or Variant(name="-", extra=(), group=()))
    return _missing_wheel(there, selection)


def _why_not_there(there: Gate, name: str) -> str | None:
    variant = next((variant for variant in there.all_variants() if variant.name == name), None)
    if variant is None:
        return f"variant `{name}` is not declared for it"
    try:
        return reason_against(there, variant)
    except CudapinError:
        return None  # its cell then says why


def _not_allowed(gate: Gate) -> str:
    return f"the project's `requires-python` is `{gate.project.metadata.get('requires-python')}`"


def _missing_wheel(gate: Gate, selection: Selection | None) -> str | None:
    missing = unusable(selection.packages, gate.target) if selection else ()
    return f"`{missing[0]}` is locked without a wheel for it" if missing else None


def impossible(cell: str, why: str) -> Problem:
    """Return what is said of a cell that was asked for by name and cannot exist here."""
    return Problem(
        code=Code.CP602,
        what=f"`{cell}` cannot be tested here",
        why=why,
        fix="test it where it can exist; `hatch test --all` skips it and says why",
    )


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
