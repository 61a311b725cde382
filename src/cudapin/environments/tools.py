"""The environment's own dependencies, such as pytest: which of them the lock has, and which contradict it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cudapin.core.names import normalise
from cudapin.errors import Code, CudapinError, Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from packaging.requirements import Requirement

    from cudapin.core.config import Variant
    from cudapin.core.lock import Selection
    from cudapin.gate import Gate

__all__ = ["reconcile", "with_tools"]


def with_tools(gate: Gate, variant: Variant, selection: Selection, tools: Collection[str]) -> Selection:
    """Add to a selection the tools that a dependency group of the project names, with all that they require.

    A group that cannot be selected beside the variant, or would move a version, adds nothing.
    """
    groups = tuple(name for name in _groups_naming(gate, tools) if name not in (variant.group or ()))
    if not groups:
        return selection
    try:
        wider = gate.select_all(replace(variant, group=(*(variant.group or ()), *groups)))
    except CudapinError:
        return selection
    versions = {package.name: package.version for package in wider.packages} if wider else {}
    if wider is None or any(versions.get(package.name) != package.version for package in selection.packages):
        return selection
    names = wider.closure(frozenset(tools))
    known = {package.name for package in selection.packages}
    more = (package for package in wider.packages if package.name in names and package.name not in known)
    packages = sorted((*selection.packages, *more), key=lambda package: package.name)
    return replace(selection, packages=tuple(packages))


def reconcile(own: Iterable[Requirement], selection: Selection, given: Collection[str]) -> tuple[str, ...]:
    """Return the environment's own dependencies as far as the lock does not have them.

    Those in `given`, which hatch adds by itself, give way to the lock. Raises Refusal (CP601) for one of the user's
    that the locked version does not satisfy.
    """
    wanted, problems = [], []
    for requirement in own:
        package = selection.find(normalise(requirement.name))
        if package is None or requirement.url:
            wanted.append(str(requirement))
            continue
        is_satisfied = package.version is None or requirement.specifier.contains(package.version, prereleases=True)
        if is_satisfied:
            if requirement.extras:  # what an extra adds may not be in the lock
                wanted.append(str(requirement))
        elif str(requirement) not in given:
            problems.append(_contradiction(requirement, str(package.version)))
    if problems:
        raise Refusal(*problems)
    return tuple(wanted)


def _contradiction(requirement: Requirement, version: str) -> Problem:
    return Problem(
        code=Code.CP601,
        what=f"the environment's own dependency `{requirement}` contradicts the lock file",
        why=f"wanted `{requirement.specifier}`, the lock has `{requirement.name}=={version}`",
        fix=f"let the environment's dependencies allow {version}, or lock another version",
        package=requirement.name,
    )


def _groups_naming(gate: Gate, tools: Collection[str]) -> list[str]:
    """Return the dependency groups that directly name one of the tools, those of variants left out."""
    table = gate.project.pyproject.table.get("dependency-groups", {})
    taken = {name for variant in gate.all_variants() for name in variant.group or ()}
    found = []
    for name, items in table.items():
        texts = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
        names = {normalise(_name(text)) for text in texts}
        if normalise(name) not in taken and not names.isdisjoint(tools):
            found.append(normalise(name))
    return found


def _name(requirement: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(requirement).name
    except InvalidRequirement:
        return ""
